package guard

import (
	"fmt"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// feed shows growth a series from now on, a point every interval.
func feed(g *growth, from, until, every time.Duration, bytes func(at time.Duration) float64) {
	for at := from; at <= until; at += every {
		g.add(point{at: at, cpu: profile.Unknown, bytes: int64(bytes(at))})
	}
}

func ramp(mibPerSecond float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 { return 100*mib + mibPerSecond*mib*at.Seconds() }
}

func closeTo(got, want, tolerance float64) bool {
	return got >= want*(1-tolerance) && got <= want*(1+tolerance)
}

func TestRateOfASteadyLeak(t *testing.T) {
	for _, every := range []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, second} {
		for _, rate := range []float64{10, 100, 1000, 3000} {
			var g growth
			feed(&g, 0, 5*second, every, ramp(rate))
			if got, sudden := g.rate(); !closeTo(got, rate*mib, 0.01) || sudden {
				t.Errorf("%v MiB/s seen every %v: rate %.1f MiB/s, sudden %v", rate, every, got/mib, sudden)
			}
		}
	}
}

// The forecast of a steady leak is headroom by rate, once the rate was seen for
// long enough to be believed, and never for what lies beyond the time asked for.
func TestForecastOfASteadyLeak(t *testing.T) {
	const within = 250 * time.Millisecond
	for _, every := range []time.Duration{10 * time.Millisecond, second} {
		for _, rate := range []float64{10, 100, 1000, 3000} {
			var g growth
			feed(&g, 0, 5*second, every, ramp(rate))
			// A rise that was seen at each look, so least is no matter here.
			soon := rate * mib * 0.2
			left, r, ok := g.forecast(int64(soon), 0, within)
			if !ok || !closeTo(left.Seconds(), 0.2, 0.02) || !closeTo(r, rate*mib, 0.02) {
				t.Errorf("%v MiB/s every %v: %v at %.1f MiB/s, %v; want 200ms", rate, every, left, r/mib, ok)
			}
			if left, _, ok := g.forecast(int64(rate*mib*0.3), 0, within); ok {
				t.Errorf("%v MiB/s every %v: 300 ms away is within %v: %v", rate, every, within, left)
			}
		}
	}
}

func TestForecastNeedsARise(t *testing.T) {
	var g growth
	feed(&g, 0, second, 10*time.Millisecond, ramp(100))
	if _, _, ok := g.forecast(10*mib, 0, second); !ok {
		t.Error("100 MiB/s do not fill 10 MiB within a second")
	}
	if left, _, ok := g.forecast(10*mib, 200*mib, second); ok {
		t.Errorf("a rise of less than 200 MiB is a trend of that: %v", left)
	}
}

func TestForecastNeedsToHaveSeenItLongEnough(t *testing.T) {
	var g growth
	g.add(point{0, -1, 100 * mib})
	g.add(point{2 * time.Millisecond, -1, 102 * mib}) // 1000 MiB/s, seen for 2 ms
	if left, _, ok := g.forecast(200*mib, 0, second); ok {
		t.Errorf("200 ms foretold from 2 ms: %v", left)
	}
	if _, _, ok := g.forecast(10*mib, 0, second); !ok {
		t.Error("10 ms not foretold from 2 ms")
	}
}

func TestBurstsAreATrend(t *testing.T) {
	// 20 ms at 1000 MiB/s, 20 ms at rest: 500 MiB/s.
	bursts := func(at time.Duration) float64 {
		const period = 40 * time.Millisecond
		whole, part := at/period, at%period
		return 100*mib + (float64(whole)*0.020+min(part.Seconds(), 0.020))*1000*mib
	}
	for _, end := range []time.Duration{1000, 1010, 1020, 1030} {
		var g growth
		feed(&g, 0, end*time.Millisecond, 10*time.Millisecond, bursts)
		if rate, _ := g.rate(); rate < 300*mib || rate > 700*mib {
			t.Errorf("at %d ms: rate %.0f MiB/s, want about 500", end, rate/mib)
		}
	}
	// In each period it is foretold at some look.
	var g growth
	foretold := 0
	for at := time.Duration(0); at < second; at += 10 * time.Millisecond {
		g.add(point{at, -1, int64(bursts(at))})
		if _, _, ok := g.forecast(50*mib, 8*mib, 250*time.Millisecond); ok {
			foretold++
		}
	}
	if foretold < 25 {
		t.Errorf("50 MiB at 500 MiB/s foretold at %d of 100 looks, in 25 periods", foretold)
	}
}

func TestOneJumpIsNoTrend(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond} {
		var g growth
		feed(&g, 0, second, every, func(at time.Duration) float64 {
			if at < 500*time.Millisecond {
				return 100 * mib
			}
			return 400 * mib
		})
		if rate, _ := g.rate(); rate != 0 {
			t.Errorf("every %v: after a jump the rate is %.0f MiB/s", every, rate/mib)
		}
		if left, _, ok := g.forecast(50*mib, 8*mib, 250*time.Millisecond); ok {
			t.Errorf("every %v: after a jump the limit is met in %v", every, left)
		}
	}
}

// What grew and has stopped is no trend, also while the growth is in sight.
func TestGrowthThatStoppedIsNoTrend(t *testing.T) {
	var g growth
	feed(&g, 0, 40*time.Millisecond, 10*time.Millisecond, ramp(1000))
	if _, _, ok := g.forecast(50*mib, 8*mib, 250*time.Millisecond); !ok {
		t.Fatal("it is a trend while it lasts")
	}
	for _, at := range []time.Duration{50, 60} {
		g.add(point{at * time.Millisecond, -1, g.last()})
	}
	if left, _, ok := g.forecast(50*mib, 8*mib, 250*time.Millisecond); ok {
		t.Errorf("20 ms after it stopped, the limit is met in %v", left)
	}
}

func TestFallingIsNoTrend(t *testing.T) {
	var g growth
	feed(&g, 0, second, 10*time.Millisecond, ramp(-50))
	if rate, _ := g.rate(); !closeTo(-rate, 50*mib, 0.01) {
		t.Errorf("rate %.1f MiB/s, want -50", rate/mib)
	}
	if _, _, ok := g.forecast(1, 0, hour); ok {
		t.Error("what falls meets the limit")
	}
}

// After a calm second, what grew since then took the CPU time that was used.
func TestSuddenRiseIsRatedByCPUTime(t *testing.T) {
	var g growth
	cpu := 10 * second
	for at := time.Duration(0); at <= 3*second; at += second {
		g.add(point{at, cpu, 100 * mib})
	}
	g.add(point{3500 * time.Millisecond, cpu + 100*time.Millisecond, 200 * mib})
	rate, sudden := g.rate()
	// 100 MiB in 500 ms by the clock, in 100 ms and a tick or two of CPU time.
	if !sudden || rate < 700*mib || rate > 1000*mib {
		t.Errorf("rate %.0f MiB/s, sudden %v, want nearly 1000 from CPU time", rate/mib, sudden)
	}
	if left, _, ok := g.forecast(15*mib, 8*mib, 250*time.Millisecond); !ok || left > suddenFor {
		t.Errorf("15 MiB at that rate: %v, %v", left, ok)
	}
	for _, headroom := range []int64{200, 60} {
		if left, _, ok := g.forecast(headroom*mib, 8*mib, 250*time.Millisecond); ok {
			t.Errorf("what was not seen is believed for %v", left)
		}
	}

	// Two looks later it was seen, and CPU time does not matter any more.
	g.add(point{3510 * time.Millisecond, cpu + 200*time.Millisecond, 210 * mib})
	g.add(point{3520 * time.Millisecond, cpu + 300*time.Millisecond, 220 * mib})
	if rate, sudden := g.rate(); sudden || !closeTo(rate, 1000*mib, 0.05) {
		t.Errorf("rate %.0f MiB/s, sudden %v, want 1000 as seen", rate/mib, sudden)
	}
}

func TestSuddenRiseWithoutCPUTime(t *testing.T) {
	for name, cpu := range map[string][2]time.Duration{"unknown": {-1, -1}, "went back": {second, 0}, "more than the clock": {0, 4 * second}} {
		var g growth
		g.add(point{0, cpu[0], 100 * mib})
		g.add(point{second, cpu[1], 200 * mib})
		if rate, sudden := g.rate(); sudden || !closeTo(rate, 100*mib, 0.001) {
			t.Errorf("CPU time %s: rate %.0f MiB/s, sudden %v", name, rate/mib, sudden)
		}
	}
}

func TestRiseIsOverTenSeconds(t *testing.T) {
	var g growth
	for i, bytes := range []int64{100, 50, 80, 200} {
		g.add(point{time.Duration(i) * second, -1, bytes})
	}
	if g.rise != 150 || g.lowest() != 50 || g.last() != 200 {
		t.Errorf("rise %d above %d to %d, want 150 above 50 to 200", g.rise, g.lowest(), g.last())
	}
	g.add(point{15 * second, -1, 210})
	if g.rise != 0 && g.rise != 10 {
		t.Errorf("rise %d above what was more than ten seconds ago", g.rise)
	}
}

func TestEmptyGrowth(t *testing.T) {
	var g growth
	if rate, sudden := g.rate(); rate != 0 || sudden || g.lowest() != 0 || g.last() != 0 {
		t.Error("nothing was read, and it grows")
	}
	if _, _, ok := g.forecast(1, 0, hour); ok {
		t.Error("nothing was read, and it meets the limit")
	}
	g.add(point{second, -1, 100})
	if rate, _ := g.rate(); rate != 0 {
		t.Errorf("one point has the rate %v", rate)
	}
	// Two readings at one instant are no infinite rate.
	g.add(point{second, -1, 200})
	if rate, _ := g.rate(); rate != 0 {
		t.Errorf("no time has the rate %v", rate)
	}
}

// 72 hours of readings, alternating between a look a second and bursts of a look
// every 10 ms, keep a bounded number of points, in order, and allocate nothing.
func TestGrowthIsBounded(t *testing.T) {
	var g growth
	at := time.Duration(0)
	most := 0
	for at < 72*hour {
		every := second
		if at/minute%30 == 0 {
			every = 10 * time.Millisecond
		}
		if at > 10*hour {
			every = minute
		}
		at += every
		g.add(point{at, -1, int64(at)})
		most = max(most, len(g.points))
	}
	if most > mostPoints {
		t.Errorf("%d points, at most %d", most, mostPoints)
	}
	for i := 1; i < len(g.points); i++ {
		if g.points[i].at <= g.points[i-1].at {
			t.Fatalf("points out of order: %v", g.points)
		}
	}
	if oldest := at - g.points[0].at; oldest > oldestPoint || oldest < oldestPoint/2 {
		t.Errorf("the oldest point is %v old", oldest)
	}
	if n := testing.AllocsPerRun(10_000, func() {
		at += 10 * time.Millisecond
		g.add(point{at, -1, int64(at)})
	}); n != 0 {
		t.Errorf("%v allocations a point", n)
	}
}

func TestLasts(t *testing.T) {
	for _, test := range []struct {
		headroom int64
		rate     float64
		want     time.Duration
	}{{100 * mib, 100 * mib, second}, {0, 1, 0}, {1 << 62, 1e-9, 1000 * hour}} {
		if got := lasts(test.headroom, test.rate); got != test.want {
			t.Errorf("lasts(%d, %v) is %v, want %v", test.headroom, test.rate, got, test.want)
		}
	}
}

func FuzzGrowth(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0, 255, 7, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		var g growth
		at, bytes := time.Duration(0), int64(0)
		for i := 0; i+1 < len(data); i += 2 {
			at += time.Duration(data[i]) * time.Duration(data[i]) * time.Millisecond
			bytes = max(0, bytes+(int64(data[i+1])-128)*mib)
			g.add(point{at, at / 3, bytes})
			if len(g.points) > mostPoints || g.rise < 0 || g.last() != bytes {
				t.Fatal(fmt.Sprint(len(g.points), g.rise, g.last(), bytes))
			}
			if left, rate, ok := g.forecast(100*mib, 0, second); ok && (left < 0 || left > second || rate <= 0) {
				t.Fatalf("forecast %v at %v", left, rate)
			}
		}
	})
}
