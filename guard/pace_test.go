package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// paceView is a process at a headroom in MiB that grows at a rate in MiB/s.
func paceView(headroom int64, rate float64) *view {
	g := new(growth)
	feed(g, 0, 100*time.Millisecond, 10*time.Millisecond, ramp(rate))
	v := &view{growth: g, live: g, alloc: g, headroom: headroom * mib}
	if headroom < 0 {
		v.headroom = profile.Unknown
	}
	return v
}

func TestNextPace(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name     string
		v        *view
		interval time.Duration
		cores    float64
		clock    bool
		want     pace
	}{
		{"idle, far from the limit", paceView(4096, 0), second, 0, true, pace{second, 200 * ms}},
		{"idle, no limit known", paceView(-1, 0), second, 0, true, pace{second, 200 * ms}},
		{"the interval of calm times", paceView(4096, 0), minute, 0, true, pace{minute, 200 * ms}},
		// 256 MiB / 8 at 2 GiB/s of CPU time.
		{"a quantum fills an eighth of the headroom", paceView(256, 0), second, 0, true, pace{second, 15625 * time.Microsecond}},
		{"idle near the limit", paceView(1, 0), second, 0, true, pace{second, shortestQuantum}},
		{"busy near the limit", paceView(1, 0), second, 1, true, pace{second, shortestBusyQuantum}},
		{"a little work is not busy", paceView(1, 0), second, 0.1, true, pace{second, shortestQuantum}},
		// 1000 MiB at 10 MiB/s: 100 s, a twentieth is above the interval.
		{"growing, far in time", paceView(1000, 10), second, 0, true, pace{second, 1000 * second / 8 / 2048}},
		// 100 MiB at 10 MiB/s: 10 s.
		{"growing, ten seconds", paceView(100, 10), second, 0, true, pace{500 * ms, 100 * second / 8 / 2048}},
		{"growing, 100 ms", paceView(100, 1000), second, 0, true, pace{10 * ms, 100 * second / 8 / 2048}},
		{"falling", paceView(100, -10), second, 0, true, pace{second, 100 * second / 8 / 2048}},
		{"growing, no limit known", paceView(-1, 1000), second, 0, true, pace{second, 200 * ms}},
		// Without a clock of CPU time the wall time follows the work.
		{"no clock, idle", paceView(4096, 0), second, 0, false, pace{second, 200 * ms}},
		{"no clock, one core", paceView(4096, 0), second, 1, false, pace{200 * ms, 200 * ms}},
		{"no clock, four cores", paceView(4096, 0), second, 4, false, pace{50 * ms, 200 * ms}},
		{"no clock, never faster than 10 ms", paceView(1, 0), second, 64, false, pace{10 * ms, shortestBusyQuantum}},
		{"no clock, CPU time unknown", paceView(1, 0), second, -1, false, pace{second, shortestQuantum}},
		{"never slower than the interval", paceView(4096, 0), 10 * ms, 0.2, false, pace{10 * ms, 200 * ms}},
	} {
		got := nextPace(test.v, test.interval, test.cores, test.clock)
		if (got.wall-test.want.wall).Abs() > ms/10 || (got.cpu-test.want.cpu).Abs() > ms/10 {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestNextPaceLooksAgainAfterASuddenRise(t *testing.T) {
	g := new(growth)
	g.add(point{0, 0, 100 * mib})
	g.add(point{second, 100 * time.Millisecond, 300 * mib})
	v := &view{growth: g, live: g, alloc: g, headroom: 500 * mib}
	if got := nextPace(v, second, 0.1, true); got.wall != settleLook {
		t.Errorf("wall %v, want %v", got.wall, settleLook)
	}
	v.headroom = 1 << 40 // far away it needs no hurry
	if got := nextPace(v, second, 0.1, true); got.wall != second {
		t.Errorf("wall %v, want 1s", got.wall)
	}
}

// Whatever the process does, the guard looks at it again, and not at once.
func FuzzNextPace(f *testing.F) {
	f.Add(int64(100), 10.0, int64(1000), 0.5, true)
	f.Fuzz(func(t *testing.T, headroom int64, rate float64, intervalMS int64, cores float64, clock bool) {
		interval := min(max(time.Duration(intervalMS%60_000)*time.Millisecond, shortestInterval), longestInterval)
		v := paceView(headroom%(1<<30), rate)
		got := nextPace(v, interval, cores, clock)
		if got.wall <= 0 || got.wall > interval || got.cpu < shortestQuantum || got.cpu > longestQuantum {
			t.Fatalf("%+v for interval %v, headroom %d, rate %v, cores %v", got, interval, v.headroom, rate, cores)
		}
	})
}
