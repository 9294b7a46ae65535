package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// high64 is a cgroup that throttles at 64 MiB and kills at 128.
var high64 = Limits{Kill: 128 * mib, KillSource: "cgroup v2", Throttle: 64 * mib, GOMEMLIMIT: profile.Unknown, Host: 8000 * mib, inCgroup: true}

// underHigh is a reading below high64: memory in MiB, all of it live, and what the kernel
// counts. stalled is negative if it does not measure that.
func underHigh(memory float64, events int64, stalled time.Duration) func(*incident.Reading) {
	return func(r *incident.Reading) {
		r.CgroupHigh = profile.Bytes(64 * mib)
		r.Unreclaimable, r.CgroupHighMemory = profile.Bytes(memory*mib), profile.Bytes(memory*mib)
		r.HeapLive, r.HeapAlloc, r.StackInuse = profile.Bytes(memory*mib), profile.Bytes(memory*mib), 0
		r.NumGC = max(r.NumGC, 0) + 1
		r.CgroupHighEvents, r.CgroupStalled = profile.Count(events), stalled
	}
}

// A leak towards memory.high opens an incident before the kernel throttles, while there
// are 64 MiB to the limit that kills, and it stays open while the process crawls.
func TestThrottledLeak(t *testing.T) {
	tl := newTimeline(t, high64, DefaultRules(high64)...)
	memory, events, stalled := 20.0, int64(0), time.Duration(0)
	opened, reasons := -1.0, []string{}
	got := tl.count(2*time.Minute, 100*time.Millisecond, func(at time.Duration) func(*incident.Reading) {
		for _, a := range tl.last {
			if a.do == openIncident {
				opened, reasons = memory, append(reasons, a.reason)
			}
		}
		if memory < 64 {
			memory += 0.1
		} else { // it crawls
			memory, events, stalled = min(memory+0.001, 66), events+1, stalled+80*time.Millisecond
		}
		return underHigh(memory, events, stalled)
	})
	tl.wantCounts(got, map[string]int{"open throttled": 1, "capture throttled": 1})
	if opened < 57 || opened > 58 || !strings.Contains(strings.Join(reasons, "; "), "90% of 64.0 MiB, above which the kernel throttles") {
		t.Errorf("opened at %.1f MiB: %q", opened, reasons)
	}
	rule := Rule{Name: "throttled", Signal: Throttled}
	if got, want := tl.obs.view.describe(rule), "throttled at 64.0 MiB: memory 64.8 MiB, tasks wait for memory 80% of the time"; got != want {
		t.Errorf("described as %q, want %q", got, want)
	}
}

// A process whose memory jumps above memory.high is found by what the kernel does to it.
func TestThrottledAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		memory  float64
		perLook int64
		stalled time.Duration // in each 100 ms; negative: not measured
		want    map[string]int
	}{
		"throttled below the line":    {50, 5, 50 * time.Millisecond, map[string]int{"open throttled": 1, "capture throttled": 1}},
		"page cache":                  {20, 5, 50 * time.Millisecond, nil}, // a job that writes a file
		"page cache and a heap":       {50, 5, 5 * time.Millisecond, nil},  // reclaimed without effort
		"waits for another limit":     {50, 0, 50 * time.Millisecond, nil},
		"not measured, near the line": {57, 5, -1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tl := newTimeline(t, high64, Rule{Name: "throttled", Signal: Throttled, Line: ShareOfLimit(0.95), Floor: ShareOfLimit(throttleFloor)})
			events, stalled := int64(0), time.Duration(0)
			got := tl.count(time.Minute, 100*time.Millisecond, func(time.Duration) func(*incident.Reading) {
				events += test.perLook
				stalled += test.stalled
				return underHigh(test.memory, events, max(stalled, -1))
			})
			tl.wantCounts(got, test.want)
		})
	}
}

// Without pressure stall information the events and the memory have to do, and a look that
// comes late, because the process crawls, is enough.
func TestThrottlingIsJudged(t *testing.T) {
	for name, test := range map[string]struct {
		every   time.Duration
		memory  float64
		events  int64
		stalled float64 // share
		want    bool
	}{
		"crawls":                     {time.Second, 64, 3, 0.9, true},
		"late looks":                 {9 * time.Second, 64, 3, 0.9, true},
		"not measured":               {time.Second, 60, 3, -1, true},
		"not measured, little stays": {time.Second, 50, 3, -1, false},
		"no events":                  {time.Second, 64, 0, 0.9, false},
		"hardly waits":               {time.Second, 64, 3, 0.1, false},
	} {
		var s stalls
		var got throttling
		for i := range 10 {
			at := time.Duration(i) * test.every
			r := incident.NewReading(time.Time{})
			stalled := time.Duration(float64(at) * test.stalled)
			if test.stalled < 0 {
				stalled = -1
			}
			underHigh(test.memory, int64(i)*test.events, stalled)(&r)
			got = s.observe(at, &r)
			if i == 0 && got.now {
				t.Errorf("%s: judged by one reading", name)
			}
		}
		if got.now != test.want {
			t.Errorf("%s: %+v, want %v", name, got, test.want)
		}
		none := incident.NewReading(time.Time{})
		if s.observe(time.Hour, &none).now {
			t.Errorf("%s: throttled without memory.high", name)
		}
	}
}

// Pressure of memory.high: what lives above it, not what the collector frees, and not a
// service that only lives close to it.
func TestPressureOfThrottling(t *testing.T) {
	for name, test := range map[string]struct {
		live, garbage int64 // MiB
		events        int64
		share         float64
		begins        bool
		reason        string
	}{
		"throttled":               {60, 4, 10, 0.43, true, "throttled at 64.0 MiB: 60.0 MiB live, tasks wait for memory 43% of the time"},
		"close, but undisturbed":  {60, 3, 0, 0, false, ""},
		"throttled by garbage":    {30, 34, 10, 0.5, false, ""},
		"throttled by page cache": {20, 0, 10, 0.9, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, p := newObserver(), newPressurePolicy(PressureLines{Hold: 10 * time.Second})
			began, over := -1, -1
			var now *Pressure
			for i := range 120 {
				at := time.Duration(i) * time.Second
				r := incident.NewReading(time.Date(2026, 11, 20, 10, 0, i, 0, time.UTC))
				busy := min(i, 60) // then memory is given back
				underHigh(float64(test.live+test.garbage), int64(busy)*test.events, time.Duration(float64(busy)*test.share*float64(time.Second)))(&r)
				r.HeapLive = profile.Bytes(test.live * mib)
				if i > 60 {
					underHigh(20, 60*test.events, time.Duration(60*test.share*float64(time.Second)))(&r)
				}
				o.observe(at, &r, &high64, 0, 0, true)
				switch move, d := p.step(&o.view, true); move {
				case pressureBegins:
					if began >= 0 {
						t.Error("began twice")
					}
					began, now = i, p.pressure(&o.view, d, &r)
				case pressureEnds:
					over = i
				}
			}
			if (began >= 0) != test.begins || (over >= 0) != test.begins {
				t.Fatalf("began at %d s, over at %d s; decided: %s", began, over, p.decision)
			}
			if !test.begins {
				return
			}
			if began > 5 || over < 70 || over > 85 {
				t.Errorf("began at %d s, over at %d s", began, over)
			}
			if now.Reason != test.reason || now.Limit != 64*mib || now.Live != profile.Bytes(test.live*mib) || !now.Deadline.IsZero() || now.TimeToLimit >= 0 {
				t.Errorf("%+v, want %q", now, test.reason)
			}
		})
	}
}

// A leak is foreseen.
func TestPressureBeforeThrottling(t *testing.T) {
	o, p := newObserver(), newPressurePolicy(PressureLines{Warmup: -1})
	for i := range 400 {
		at := time.Duration(i) * 100 * time.Millisecond
		r := incident.NewReading(time.Time{}.Add(at))
		memory := 10 + float64(i)/10 // 1 MiB/s
		underHigh(memory, 0, 0)(&r)
		r.NumGC = profile.Count(i + 1)
		o.observe(at, &r, &high64, 0, 0, true)
		if move, d := p.step(&o.view, true); move == pressureBegins {
			now := p.pressure(&o.view, d, &r)
			if memory < 32 || memory > 40 || !strings.Contains(now.Reason, "of 64.0 MiB, throttled in 3") || now.Deadline.IsZero() {
				t.Errorf("at %.1f MiB: %+v", memory, now)
			}
			return
		}
	}
	t.Errorf("no pressure; decided: %s", p.decision)
}
