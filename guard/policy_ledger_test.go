package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestFailedCaptureIsRetriedWithBackoffAndSpendsNothing(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	tl.saved = func(Rule) KindSet { return 0 }
	// 250 ms, doubled after each failure up to a minute.
	at, backoff := time.Duration(0), 250*time.Millisecond
	tl.run([]step{{0, memory(905), openAndCapture}})
	for range 12 {
		tl.run([]step{
			{at + backoff - time.Millisecond, memory(905), ""},
			{at + backoff, memory(905), "capture memory"},
		})
		at, backoff = at+backoff, min(2*backoff, minute)
	}
	tl.look(at+time.Millisecond, memory(905))
	tl.decided(0, "failed; next attempt in 59.999s")
	if got := tl.watch.ledger.budget.Tokens(0); got != defaultCapturesPerHour {
		t.Errorf("failures cost %v of the budget", defaultCapturesPerHour-got)
	}
	// The first success ends it, and from then on there is evidence.
	tl.saved = func(r Rule) KindSet { return r.Capture }
	tl.run([]step{{at + minute, memory(905), "capture memory"}, {at + 3*minute, memory(905), ""}})
	tl.decided(0, "still covers this")
	// It resets the back-off.
	tl.saved = func(Rule) KindSet { return 0 }
	at += 4 * minute
	tl.run([]step{
		{at, memory(980), "escalate memory, capture memory"}, {at + 249*time.Millisecond, memory(980), ""},
		{at + 250*time.Millisecond, memory(980), "capture memory"}, // a retry is no escalation
	})
}

// A kind that fails is owed still; the others are evidence already.
func TestPartlyFailedCaptureBacksOff(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	tl.saved = func(Rule) KindSet { return KindsOf(profile.Goroutine) }
	tl.run([]step{
		{0, memory(905), openAndCapture}, {100 * time.Millisecond, memory(905), ""}, {250 * time.Millisecond, memory(905), "capture memory"},
		{700 * time.Millisecond, memory(905), ""}, {750 * time.Millisecond, memory(905), "capture memory"},
	})
	if got := defaultCapturesPerHour - tl.watch.ledger.budget.Tokens(0); got < 2.9 || got > 3 {
		t.Errorf("three captures that saved something cost %v of the budget", got)
	}
}

func TestOwedEvidenceIsTakenBetweenTheLines(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90)
	tl.saved = func(Rule) KindSet { return 0 }
	tl.run([]step{{0, memory(905), openAndCapture}})
	tl.saved = func(r Rule) KindSet { return r.Capture }
	tl.run([]step{
		{100 * time.Millisecond, memory(850), ""}, {250 * time.Millisecond, memory(850), "capture memory"}, {minute, memory(850), ""},
	})
}

func TestRecoveredIncidentIsOwedNothing(t *testing.T) {
	tl := newTimeline(t, limit1000, Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Hold: second})
	tl.saved = func(Rule) KindSet { return 0 }
	tl.run([]step{
		{0, memory(905), openAndCapture}, {100 * time.Millisecond, memory(100), ""}, {1100 * time.Millisecond, memory(100), "recover memory"},
		{minute, memory(100), ""}, {2 * minute, memory(850), ""},
	})
}

func TestBudgetRefillsAndNeverEndsWatching(t *testing.T) {
	// An incident every two seconds, each worth evidence of its own.
	tl := newTimeline(t, limit1000, Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Hold: time.Millisecond, Cooldown: time.Nanosecond})
	swing := func(at time.Duration) func(*incident.Reading) {
		if at/second%2 == 1 {
			return memory(905)
		}
		return memory(100)
	}
	got := tl.count(hour, 500*time.Millisecond, swing)
	if got["open memory"] != 1800 || got["recover memory"] < 1799 {
		t.Errorf("incidents in one hour: %v, want 1800", got)
	}
	// Six at once, and five that came in during the hour.
	if n := got["capture memory"]; n != 11 {
		t.Errorf("%d captures in the first hour, want 6 and what was refilled", n)
	}
	begin := hour + 5*minute
	if n := tl.count(begin, 500*time.Millisecond, swing)["capture memory"]; n != 1 {
		t.Errorf("%d captures in five minutes, want the one that was refilled", n)
	}
	tl.look(begin+second, swing(begin+second))
	tl.decided(0, "budget of 6 captures an hour is used up")
	for h := begin + hour; h <= 48*hour; h += hour {
		if got := tl.count(h, 500*time.Millisecond, swing); got["capture memory"] != 6 {
			t.Fatalf("%d captures in the hour before %v, want 6", got["capture memory"], h)
		}
	}
}

func TestTwoRulesAtOnceShareOneCapture(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90, Rule{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(0.75)})
	tl.took = 20 * time.Millisecond
	tl.run([]step{
		{0, all(memory(905), live(800)), "open memory, capture memory, open live-heap"},
		{10 * time.Millisecond, memory(905), ""},
	})
	tl.decided(1, "a capture is running")
	tl.run([]step{{20 * time.Millisecond, memory(905), "share live-heap"}})
	if share := tl.last[0]; share.evidence != "memory-1" || !strings.Contains(share.why, "memory-1") || !strings.Contains(share.reason, "live heap 800.0 MiB") {
		t.Errorf("whose evidence speaks is not said: %+v", share)
	}
	// When the one capture fails, it is still taken once, for whoever is first.
	tl = newTimeline(t, limit1000, memory90, Rule{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(0.75)})
	tl.saved = func(Rule) KindSet { return 0 }
	tl.run([]step{{0, all(memory(905), live(800)), "open memory, capture memory, open live-heap"}})
	tl.saved = func(r Rule) KindSet { return r.Capture }
	tl.run([]step{{250 * time.Millisecond, memory(905), "capture memory"}, {1 * second, memory(905), "share live-heap"}, {2 * second, memory(905), ""}})
}

// Evidence that lacks a kind does not speak for a rule that asks for it.
func TestEvidenceOfOtherKindsIsNotShared(t *testing.T) {
	tl := newTimeline(t, limit1000, memory90,
		Rule{Name: "threads", Signal: Threads, Line: Absolute(100), Capture: KindsOf(profile.Threadcreate)},
		Rule{Name: "goroutines", Signal: Goroutines, Line: Absolute(100), Capture: KindsOf(profile.Goroutine)})
	tl.run([]step{
		{0, memory(905), openAndCapture},
		{1 * second, func(r *incident.Reading) { r.Threads, r.Goroutines = 100, 100 }, "open threads, capture threads, open goroutines"},
		{2 * second, memory(905), "share goroutines"},
	})
	if got := tl.last[0].evidence; got != "memory-1" {
		t.Errorf("shares the evidence of %q", got)
	}
}

// rising is a process that allocates 2 GiB/s; what lives of it stays at 100 MiB
// unless it leaks.
func rising(at time.Duration) func(*incident.Reading) {
	return func(r *incident.Reading) {
		n := profile.Bytes(at.Seconds() * (2 << 30))
		r.Unreclaimable, r.HeapAlloc, r.TotalAlloc = 600*mib+n%(300*mib), 500*mib+n%(300*mib), n
		r.HeapLive, r.StackInuse, r.NumGC = 100*mib, 0, 1
	}
}

var timeToLimit = Rule{Name: "time-to-limit", Signal: Memory, Line: TimeToLimit(250 * time.Millisecond), Floor: ShareOfLimit(0.5)}

func TestSuspicionRefutedIsDoubtedLonger(t *testing.T) {
	tl := newTimeline(t, limit1000, timeToLimit)
	tl.garbage = true
	got := tl.count(10*minute, 10*time.Millisecond, rising)
	if got["open time-to-limit"] != 0 || got["capture time-to-limit"] != 0 {
		t.Errorf("garbage opened an incident: %v", got)
	}
	// At about 0, 1, 3, 7, 15, 31, 63, and from then on once a minute.
	if n := got["suspect time-to-limit"]; n < 8 || n > 7+10 {
		t.Errorf("%d suspicions in ten minutes of garbage", n)
	}
	if got := tl.watch.ledger.budget.Tokens(0); got != defaultCapturesPerHour {
		t.Errorf("refuted suspicions cost %v of the budget", defaultCapturesPerHour-got)
	}
}

func TestSuspicionConfirmedIsOneIncidentWithItsEvidence(t *testing.T) {
	tl := newTimeline(t, limit1000, timeToLimit)
	tl.took = 30 * time.Millisecond
	got := tl.count(150*time.Millisecond, 10*time.Millisecond, func(at time.Duration) func(*incident.Reading) {
		return func(r *incident.Reading) {
			n := profile.Bytes(at.Seconds() * (2 << 30))
			r.Unreclaimable, r.HeapAlloc, r.TotalAlloc = 600*mib+n, 500*mib+n, n
			r.HeapLive, r.StackInuse, r.NumGC = 100*mib, 0, 1
		}
	})
	tl.wantCounts(got, map[string]int{"suspect time-to-limit": 1})
	if s := tl.watch.rules[0]; !s.open || s.wants || len(tl.watch.ledger.underway) > 0 || len(tl.watch.ledger.saved) != 1 {
		t.Errorf("a confirmed suspicion is an open incident with evidence: %+v", s)
	}
}

func TestFailedEvidenceOfASuspicionIsOwed(t *testing.T) {
	tl := newTimeline(t, limit1000, timeToLimit)
	tl.saved = func(Rule) KindSet { return 0 }
	leak := func(at time.Duration) func(*incident.Reading) {
		return func(r *incident.Reading) {
			n := profile.Bytes(at.Seconds() * (2 << 30))
			r.Unreclaimable, r.HeapAlloc, r.TotalAlloc = 600*mib+n, 500*mib+n, n
			r.HeapLive, r.StackInuse, r.NumGC = 100*mib, 0, 1
		}
	}
	got := tl.count(400*time.Millisecond, 10*time.Millisecond, leak)
	if got["suspect time-to-limit"] != 1 || got["capture time-to-limit"] != 1 {
		t.Errorf("got %v, want a suspicion and, after the back-off, one retry", got)
	}
}
