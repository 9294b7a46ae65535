package guard

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// service is what a service does in a minute: milli-CPUs and wake-ups per second.
type service func(at time.Duration, r *rand.Rand) (cpu, wakeups float64)

// requests is a service that uses 0.5 ms and 5 wake-ups for a request, whose
// number per second changes with time, by a fifth from minute to minute.
func requests(rate func(at time.Duration) float64) service {
	return func(at time.Duration, r *rand.Rand) (float64, float64) {
		n := max(rate(at)*(1+0.2*r.NormFloat64()), 0)
		return 5 + 0.5*n, 20 + 5*n
	}
}

// and adds what two do.
func (s service) and(other service) service {
	return func(at time.Duration, r *rand.Rand) (float64, float64) {
		a, b := s(at, r)
		c, d := other(at, r)
		return a + c, b + d
	}
}

// tickers are goroutines that tick ten times a second, so many more an hour, from
// begin on; ten thousand of them use 11% of a core.
func tickers(anHour float64, begin time.Duration) service {
	return func(at time.Duration, _ *rand.Rand) (float64, float64) {
		n := anHour * max((at-begin).Hours(), 0)
		return 110 * n / 10_000, 10 * n
	}
}

func office(at time.Duration) float64 {
	h := at.Hours()
	day := math.Max(0, math.Sin(2*math.Pi*(h-8)/24))
	if weekday := int(h/24) % 7; weekday >= 5 {
		day *= 0.3
	}
	return 100 + 500*day
}

func during(at, every, length time.Duration) float64 {
	if at%every < length {
		return 1
	}
	return 0
}

func constant(n float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return n }
}

// healthy are services whose idle CPU does not rise, whatever else it does.
var healthy = map[string]service{
	"idle":                  requests(constant(0)),
	"steady 60%":            requests(constant(1200)),
	"office, never idle":    requests(office),
	"office, idle at night": requests(func(at time.Duration) float64 { return max(office(at)-100, 0) }),
	"batch of 50 minutes an hour": func(at time.Duration, r *rand.Rand) (float64, float64) {
		return 5 + 1900*during(at, hour, 50*minute), 20 + 300*during(at, hour, 50*minute)
	},
	"nightly batch": requests(func(at time.Duration) float64 { return 200 + 1500*during(at, 24*hour, 3*hour) }),
	"garbage collector at work": func(at time.Duration, r *rand.Rand) (float64, float64) {
		return 300 + 20*float64(int(at.Minutes())%37) + 30*math.Abs(r.NormFloat64()), 2000 + 50*float64(int(at.Minutes())%37)
	},
	"warm-up":                          requests(func(at time.Duration) float64 { return 400 + 1500*math.Exp(-at.Hours()/2) }),
	"clients come back after a deploy": requests(func(at time.Duration) float64 { return 1000 * (1 - math.Exp(-at.Hours()/6)) }),
	"cron of 5 minutes an hour":        requests(func(at time.Duration) float64 { return 20 + 2000*during(at, hour, 5*minute) }),
	"load that doubles for good": requests(func(at time.Duration) float64 {
		if at > 50*hour {
			return 600
		}
		return 300
	}),
	"office, doubled after a week": requests(func(at time.Duration) float64 {
		if at > 7*24*hour {
			return 2 * office(at)
		}
		return office(at)
	}),
	"three roll-outs": requests(func(at time.Duration) float64 {
		return 100 + 200*float64(min(int(at.Hours()/20), 3))
	}),
}

// during counts, for so many days, what a rule does, and says when it did so
// first and why.
//
// Goroutines follow the load, and anHour more an hour stay.
func (s service) during(tl *timeline, days int, seed uint64, anHour float64) (did map[string]int, at time.Duration, reason string) {
	r := rand.New(rand.NewPCG(seed, 1))
	did = make(map[string]int)
	tl.reading.CPUTime, tl.reading.Wakeups = 0, 0
	for now := minute; now <= time.Duration(days)*24*hour; now += minute {
		c, n := s(now, r)
		what := tl.look(now, func(reading *incident.Reading) {
			reading.CPUTime += time.Duration(c / 1000 * float64(minute))
			reading.Wakeups += profile.Count(60 * n)
			reading.Goroutines = profile.Count(200 + c/4 + 5*r.NormFloat64() + anHour*now.Hours())
		})
		if what != "" {
			if did[what]++; at == 0 {
				at, reason = now, tl.last[0].reason
			}
		}
	}
	return did, at, reason
}

// idleCPU is the default rule.
func idleCPU(t *testing.T) Rule {
	t.Helper()
	for _, r := range DefaultRules(limit1000) {
		if r.Name == "idle-cpu" {
			return r
		}
	}
	t.Fatal("there is no rule idle-cpu")
	return Rule{}
}

// TestIdleCPUFigures has all of them, and for longer.
func TestIdleCPUOfHealthyServices(t *testing.T) {
	for name, days := range map[string]int{
		"office, idle at night": 8, "load that doubles for good": 4, "three roll-outs": 4, "steady 60%": 2,
		"cron of 5 minutes an hour": 2, "batch of 50 minutes an hour": 2, "garbage collector at work": 2, "warm-up": 3,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if did, at, _ := healthy[name].during(newTimeline(t, limit1000, idleCPU(t)), days, 1, 0); len(did) > 0 {
				t.Errorf("after %v: %v", at, did)
			}
		})
	}
}

func TestIdleCPUOfTickers(t *testing.T) {
	for _, test := range []struct {
		name   string
		anHour float64
		days   int // by then it is found
	}{
		{"idle", 60, 2}, {"idle", 200, 2}, {"cron of 5 minutes an hour", 100, 2}, {"batch of 50 minutes an hour", 100, 2},
		{"office, idle at night", 100, 6}, {"garbage collector at work", 100, 4},
	} {
		t.Run(fmt.Sprintf("%s, %.0f tickers an hour", test.name, test.anHour), func(t *testing.T) {
			t.Parallel()
			leak := tickers(test.anHour, 0)
			tl := newTimeline(t, limit1000, idleCPU(t))
			did, at, reason := healthy[test.name].and(leak).during(tl, test.days, 1, test.anHour)
			if did["open idle-cpu, capture idle-cpu"] == 0 {
				t.Fatalf("got %v, want an incident", did)
			}
			cpu, _ := leak(at, nil)
			t.Logf("after %v, when tickers used %v: %s", at, profile.MilliCPU(cpu), reason)
			if cpu >= 150 {
				t.Errorf("found after %v, when tickers used %v", at, profile.MilliCPU(cpu))
			}
			if !regexp.MustCompile(`^CPU floor [\d.]+% of a core, growing by 0\.\d+% of a core \(0\.\d+% of a core to 0\.\d+% of a core\) an hour for \d+ (h|d)( \d+ (min|h))?$`).MatchString(reason) {
				t.Errorf("the reason is %q", reason)
			}
		})
	}
}

// A rise of CPU alone is dearer work, not something that ticks.
func TestIdleCPUNeedsWakeups(t *testing.T) {
	dearer := func(at time.Duration, r *rand.Rand) (float64, float64) { return 5 * at.Hours(), 0 }
	s := healthy["idle"].and(dearer)
	if did, at, _ := s.during(newTimeline(t, limit1000, idleCPU(t)), 5, 1, 0); len(did) > 0 {
		t.Errorf("after %v: %v", at, did)
	}
	alone := Rule{Name: "cpu", Signal: CPUFloor, Line: Absolute(100)}
	if did, _, _ := s.during(newTimeline(t, limit1000, alone), 5, 1, 0); did["open cpu, capture cpu"] != 1 {
		t.Errorf("got %v: the rise itself is not seen", did)
	}
}

// The floor is what a tenth of the slices are below, of a full window only.
func TestFloor(t *testing.T) {
	f := newFloors(hour)
	r := incident.NewReading(noonOfTimeline)
	r.CPUTime, r.Wakeups = 0, 0
	pass := func(from, to time.Duration, cores float64, wakeups int64) {
		for at := from; at < to; at += 10 * second {
			f.observe(at, &r)
			r.CPUTime += time.Duration(cores * float64(10*second))
			r.Wakeups += profile.Count(10 * wakeups)
		}
	}
	pass(0, hour, 0.5, 100)
	if f.cpu != profile.Unknown || f.wakeups != profile.Unknown {
		t.Errorf("floors of %d and %d before the window is full", f.cpu, f.wakeups)
	}
	pass(hour, 2*hour, 0.5, 100)
	if f.cpu != 500 || f.wakeups != 100 {
		t.Errorf("floors %d and %d, want 500 and 100", f.cpu, f.wakeups)
	}
	pass(2*hour, 2*hour+5*minute, 0.01, 1) // frozen for 5 minutes
	if f.cpu != 500 {
		t.Errorf("floor %d after 5 quiet minutes of 60", f.cpu)
	}
	pass(2*hour+5*minute, 2*hour+9*minute, 0.01, 1)
	if f.cpu != 10 || f.wakeups != 1 {
		t.Errorf("floors %d and %d after 9 quiet minutes of 60", f.cpu, f.wakeups)
	}
	pass(2*hour+9*minute, 3*hour+8*minute, 2.25, 5000)
	if f.cpu != 2250 || f.wakeups != 5000 {
		t.Errorf("floors %d and %d, want 2250 and 5000", f.cpu, f.wakeups)
	}
	// What nobody tells is not known, and no CPU time is not 0 either.
	r.CPUTime, r.Wakeups = profile.Unknown, profile.Unknown
	pass(3*hour+8*minute, 5*hour, 0, 0)
	if f.cpu >= 0 || f.wakeups >= 0 {
		t.Errorf("floors %d and %d of what is unknown", f.cpu, f.wakeups)
	}
}

func TestFloorRules(t *testing.T) {
	rule := Rule{Name: "ticks", Signal: WakeupFloor, Line: Growth(4, 1000), For: 10 * minute}
	grown := func(at time.Duration, _ *rand.Rand) (float64, float64) {
		if at > 5*hour {
			return 100, 9000
		}
		return 10, 50
	}
	tl := newTimeline(t, limit1000, rule)
	did, at, reason := service(grown).during(tl, 1, 1, 0)
	if did["open ticks, capture ticks"] != 1 || len(did) != 1 {
		t.Fatalf("got %v, want one incident", did)
	}
	if at < 6*hour || at > 6*hour+15*minute || reason != "wake-up floor 9,000/s, was 50/s in calm times" {
		t.Errorf("after %v: %q", at, reason)
	}
	if got := fmt.Sprint(rule); got != "ticks: wake-up floor at 4 times the baseline and at least 1,000/s above it" {
		t.Errorf("the rule is %q", got)
	}
	idle := tl.obs.idle()
	if idle == nil || idle.Wakeups != 9000 || idle.WakeupsBefore != 50 || idle.CPU != 100 || idle.CPUBefore != 10 || idle.WindowNS != int64(hour) {
		t.Errorf("idle is %+v", idle)
	}
}

func TestFloorAllocatesNothing(t *testing.T) {
	f := newFloors(minute)
	r := incident.NewReading(noonOfTimeline)
	at := time.Duration(0)
	look := func() {
		at += second
		r.CPUTime, r.Wakeups = at/10, profile.Count(at/second)
		f.observe(at, &r)
	}
	for range 200 {
		look()
	}
	if n := testing.AllocsPerRun(200, look); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if f.cpu != 100 || f.wakeups != 1 {
		t.Errorf("floors %d and %d, want 100 and 1", f.cpu, f.wakeups)
	}
}

// BenchmarkFloor is what a reading pays for the floors, slices closed included.
func BenchmarkFloor(b *testing.B) {
	f := newFloors(minute)
	r := incident.NewReading(noonOfTimeline)
	at := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		at += second
		r.CPUTime, r.Wakeups = at/10, profile.Count(at/second)
		f.observe(at, &r)
	}
}
