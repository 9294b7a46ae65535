package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// memory90 opens at 900 of 1000 MiB and recovers below 810.
var memory90 = Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9)}

const (
	openAndCapture = "open memory, capture memory"
	second         = time.Second
	minute         = time.Minute
	hour           = time.Hour
)

func TestTimelines(t *testing.T) {
	for _, test := range []struct {
		name  string
		rule  Rule
		steps []step
	}{
		{"opens at the line, not below", memory90, []step{
			{0, memory(100), ""}, {1 * second, memory(899), ""}, {2 * second, memory(900), openAndCapture},
		}},
		{"oscillation round the line is one incident", memory90, []step{
			{0, memory(905), openAndCapture}, {1 * second, memory(895), ""}, {2 * second, memory(905), ""},
			{3 * second, memory(815), ""}, {60 * second, memory(905), ""}, {120 * second, memory(811), ""},
		}},
		{"a short dip below the recovery line is no recovery", memory90, []step{
			{0, memory(905), openAndCapture}, {10 * second, memory(100), ""}, {39 * second, memory(100), ""},
			{39500 * time.Millisecond, memory(850), ""}, {60 * second, memory(100), ""}, {89 * second, memory(100), ""},
			{90 * second, memory(100), "recover memory"}, {91 * second, memory(100), ""},
		}},
		{"the recovery line itself is not below it", memory90, []step{
			{0, memory(905), openAndCapture}, {1 * second, memory(810), ""}, {2 * minute, memory(810), ""},
			{3 * minute, memory(809), ""}, {4 * minute, memory(809), "recover memory"},
		}},
		{"a spike between two samples is what the reading at the end of a GC sees", Rule{Name: "memory", Signal: LiveHeap, Line: ShareOfLimit(0.75)}, []step{
			{0, all(memory(200), live(100)), ""}, {400 * time.Millisecond, all(memory(790), live(760)), openAndCapture},
			{1 * second, all(memory(200), live(100)), ""}, {31 * second, live(100), "recover memory"},
		}},
		{"within the cooldown a second incident shares the evidence", memory90, []step{
			{0, memory(905), openAndCapture}, {1 * second, memory(100), ""}, {31 * second, memory(100), "recover memory"},
			{30 * minute, memory(905), "open memory, share memory"}, {31 * minute, memory(905), ""},
			{40 * minute, memory(100), ""}, {41 * minute, memory(100), "recover memory"},
			{59 * minute, memory(905), "open memory, share memory"}, {61 * minute, memory(905), ""},
		}},
		{"after the cooldown a second incident has its own", memory90, []step{
			{0, memory(905), openAndCapture}, {1 * second, memory(100), ""}, {31 * second, memory(100), "recover memory"},
			{1 * hour, memory(905), openAndCapture},
		}},
		{"a cooldown of the rule's own", Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Cooldown: minute, Hold: second}, []step{
			{0, memory(905), openAndCapture}, {1 * second, memory(100), ""}, {2 * second, memory(100), "recover memory"},
			{59 * second, memory(905), "open memory, share memory"}, {61 * second, memory(905), ""},
			{62 * second, memory(100), ""}, {63 * second, memory(100), "recover memory"}, {64 * second, memory(905), openAndCapture},
		}},
		{"escalates at a quarter of the headroom, and again at a quarter of that", memory90, []step{
			{0, memory(900), openAndCapture}, {1 * second, memory(974), ""},
			{2 * second, memory(975), "escalate memory, capture memory"}, {3 * second, memory(993), ""},
			{4 * second, memory(994), "escalate memory, capture memory"}, {5 * second, memory(994), ""},
		}},
		{"escalates at four times the value", Rule{Name: "memory", Signal: Goroutines, Line: Absolute(100)}, []step{
			{0, goroutines(100), openAndCapture}, {1 * second, goroutines(399), ""},
			{2 * second, goroutines(400), "escalate memory, capture memory"}, {1 * hour, goroutines(1599), ""},
			{2 * hour, goroutines(1600), "escalate memory, capture memory"},
		}},
		{"For: all the time above", Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), For: 10 * second}, []step{
			{0, memory(905), ""}, {9 * second, memory(905), ""}, {9500 * time.Millisecond, memory(899), ""},
			{10 * second, memory(905), ""}, {19 * second, memory(905), ""}, {20 * second, memory(905), openAndCapture},
		}},
		{"For: an unknown value in between proves nothing", Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), For: 10 * second}, []step{
			{0, memory(905), ""}, {5 * second, memory(-1), ""}, {10 * second, memory(905), ""}, {20 * second, memory(905), openAndCapture},
		}},
		{"Floor: below it the line is not looked at", Rule{Name: "memory", Signal: Goroutines, Line: Growth(2, 1), Floor: Absolute(1000)}, []step{
			{0, goroutines(100), ""}, {1 * second, goroutines(999), ""}, {2 * second, goroutines(1000), openAndCapture},
			{3 * second, goroutines(999), ""}, {33 * second, goroutines(999), "recover memory"},
		}},
		{"Absolute: recovers below 90%", Rule{Name: "memory", Signal: Goroutines, Line: Absolute(1000)}, []step{
			{0, goroutines(1000), openAndCapture}, {1 * second, goroutines(900), ""}, {1 * hour, goroutines(900), ""},
			{2 * hour, goroutines(899), ""}, {2*hour + 30*second, goroutines(899), "recover memory"},
		}},
		{"Recover: a fraction of the rule's own", Rule{Name: "memory", Signal: Goroutines, Line: Absolute(1000), Recover: 0.5, Hold: second}, []step{
			{0, goroutines(1000), openAndCapture}, {1 * second, goroutines(500), ""}, {3 * second, goroutines(500), ""},
			{4 * second, goroutines(499), ""}, {5 * second, goroutines(499), "recover memory"},
		}},
		{"Growth: the baseline is that of a minute after Start", Rule{Name: "memory", Signal: Goroutines, Line: Growth(4, 100)}, []step{
			{0, goroutines(10), ""}, {30 * second, goroutines(100), ""}, {60 * second, goroutines(100), ""},
			{61 * second, goroutines(399), ""}, {62 * second, goroutines(400), openAndCapture},
			{63 * second, goroutines(359), ""}, {93 * second, goroutines(359), "recover memory"},
		}},
		{"Growth: at least so much", Rule{Name: "memory", Signal: Goroutines, Line: Growth(4, 10_000)}, []step{
			{0, goroutines(10), ""}, {61 * second, goroutines(10), ""}, {62 * second, goroutines(10_009), ""}, {63 * second, goroutines(10_010), openAndCapture},
		}},
		{"unknown from the beginning opens nothing", memory90, []step{
			{0, memory(-1), ""}, {1 * hour, memory(-1), ""}, {2 * hour, memory(905), openAndCapture},
		}},
	} {
		t.Run(test.name, func(t *testing.T) { newTimeline(t, limit1000, test.rule).run(test.steps) })
	}
}

func TestStayingAboveIsOneIncidentAndOneCapture(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	got := tl.count(12*hour, second, func(time.Duration) func(*incident.Reading) { return memory(920) })
	tl.wantCounts(got, map[string]int{"open memory": 1, "capture memory": 1})
	tl.decided(0, "still covers this")
}

// Memory swings between 300 and 890 MiB of 1000 as the collector lets garbage
// fill the heap; what lives stays.
func TestSawtoothUnderGCIsCalm(t *testing.T) {
	limits := limit1000
	tl := newTimeline(t, limits, memory90, Rule{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(0.75)},
		Rule{Name: "heap-growth", Signal: LiveHeap, Line: Growth(4, 200*mib)})
	got := tl.count(hour, second, func(at time.Duration) func(*incident.Reading) {
		phase := int64(at/second) % 20
		if phase == 0 {
			return all(memory(300), live(290))
		}
		return memory(300 + 30*phase)
	})
	tl.wantCounts(got, map[string]int{})
}

func TestSlowRamp(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90, Rule{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(0.75)})
	// 1 MiB a minute from 100 MiB on: 750 are met after 650 minutes, 900
	// after 800.
	ramp := func(at time.Duration) func(*incident.Reading) {
		n := 100 + int64(at/minute)
		return all(memory(n), live(n))
	}
	tl.wantCounts(tl.count(649*minute, 10*second, ramp), map[string]int{})
	tl.wantCounts(tl.count(799*minute, 10*second, ramp), map[string]int{"open live-heap": 1, "capture live-heap": 1})
	// At 800 minutes the evidence of live-heap is 2.5 h old.
	tl.wantCounts(tl.count(870*minute, 10*second, ramp), map[string]int{"open memory": 1, "capture memory": 1})
	// Headroom falls to a quarter of what it was at 900.
	tl.wantCounts(tl.count(876*minute, 10*second, ramp), map[string]int{"escalate memory": 1, "capture memory": 1})
}

func TestUnknownDoesNotCloseAnIncident(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	tl.run([]step{
		{0, memory(905), openAndCapture},
		{1 * second, memory(-1), ""}, {1 * hour, memory(-1), ""},
	})
	if !tl.watch.rules[0].open {
		t.Error("closed for not knowing")
	}
	tl.decided(0, "unknown now")
	// What was below before the gap does not count after it.
	tl.run([]step{
		{hour + 1*second, memory(100), ""}, {hour + 30*second, memory(-1), ""}, {hour + 32*second, memory(100), ""},
		{hour + 61*second, memory(100), ""}, {hour + 62*second, memory(100), "recover memory"},
	})
}

// A rule whose limit is unknown is not crossed, whatever the value.
func TestUnknownLimitIsNeverCrossed(t *testing.T) {
	none := Limits{Kill: profile.Unknown, GOMEMLIMIT: profile.Unknown, Host: profile.Unknown}
	tl := newTimeline(t, none, memory90, Rule{Name: "ttl", Signal: Memory, Line: TimeToLimit(second)},
		Rule{Name: "floor", Signal: Memory, Line: Absolute(1), Floor: ShareOfLimit(0.5)})
	got := tl.count(minute, 100*time.Millisecond, func(at time.Duration) func(*incident.Reading) {
		return all(memory(int64(at/time.Millisecond)), live(int64(at/time.Millisecond)))
	})
	tl.wantCounts(got, map[string]int{})
}

func TestLimitResizedInPlace(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	tl.run([]step{{0, memory(905), openAndCapture}})
	tl.limits.Kill = 2000 * mib
	tl.run([]step{{1 * minute, memory(905), ""}, {2 * minute, memory(905), "recover memory"}})
	tl.limits.Kill = 1005 * mib
	// The evidence is of a moment with 95 MiB of headroom, now there are 90.
	tl.run([]step{{3 * minute, memory(915), "open memory, share memory"}})
	tl.limits.Kill = 930 * mib
	tl.run([]step{{4 * minute, memory(915), "escalate memory, capture memory"}})
}

func TestPeakIsTheHighestOfTheIncident(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	for i, n := range []int64{905, 930, 950, -1, 910, 100} {
		tl.look(time.Duration(i)*second, memory(n))
	}
	if got := tl.watch.rules[0].peak; got != 950*mib {
		t.Errorf("peak %d MiB, want 950", got/mib)
	}
	// The next incident has a peak of its own.
	tl.look(hour, memory(100))
	tl.look(2*hour, memory(902))
	if got := tl.watch.rules[0].peak; got != 902*mib {
		t.Errorf("peak of the second incident %d MiB, want 902", got/mib)
	}
}

// Where the process leaks from its first minute on, the baseline must not be
// taken out of the incident: it would close for having lasted.
func TestBaselineIsNotTakenOutOfAnIncident(t *testing.T) {
	tl := newTimeline(t, limit1000, Rule{Name: "memory", Signal: Goroutines, Line: Growth(4, 1000)})
	tl.run([]step{
		{0, goroutines(10), ""}, {30 * second, goroutines(50_000), openAndCapture},
		{60 * second, goroutines(60_000), ""}, {10 * minute, goroutines(60_000), ""},
		// After it, a baseline is.
		{11 * minute, goroutines(800), ""}, {12 * minute, goroutines(800), "recover memory"}, {13 * minute, goroutines(800), ""},
		{14 * minute, goroutines(1010), ""}, {2 * hour, goroutines(3199), ""}, {3 * hour, goroutines(3200), openAndCapture},
	})
}

func TestBaselineOfWhatIsKnownLate(t *testing.T) {
	tl := newTimeline(t, limit1000, Rule{Name: "memory", Signal: Goroutines, Line: Growth(4, 10)})
	tl.run([]step{
		{0, memory(100), ""}, {2 * minute, memory(100), ""}, // goroutines are unknown
		{3 * minute, goroutines(100), ""}, {4 * minute, goroutines(399), ""}, {5 * minute, goroutines(400), openAndCapture},
	})
}
