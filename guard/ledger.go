package guard

import (
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/bucket"
	"github.com/leakguard/leakguard/profile"
)

const (
	// defaultCapturesPerHour is the budget of automatic captures. It is a
	// bucket that refills evenly, so it never ends watching for good.
	defaultCapturesPerHour = 6
	// worseFactor is how much worse things must have become before evidence
	// is taken inside the cooldown: the headroom a quarter, or the value four
	// times what it was.
	worseFactor = 4
	// liveFactor: of what the evidence is to show, live memory, a sixteenth
	// more is enough when death is near.
	liveFactor = 16
	// fewGoroutines are too few to be worth evidence of their own.
	fewGoroutines = 1000
	// firstBackoff doubles with each failed capture up to longestBackoff.
	firstBackoff   = 250 * time.Millisecond
	longestBackoff = time.Minute
)

// ledger decides when evidence may be taken: while no other capture is at its
// first files, while no earlier evidence speaks for the same situation, within a
// budget, and after a failure only when its back-off has passed.
type ledger struct {
	budget bucket.Bucket // of captures

	begun    int             // captures so far, which numbers them
	underway []underway      // oldest first
	saved    []savedEvidence // likewise
	failures int
	retryAt  time.Duration
}

// underway is a capture that has begun and not ended.
type underway struct {
	savedEvidence // what it is going to be
	number        int
	stage         captureStage
	suspicion     bool // it may prove wrong, and is evidence of nothing until then
}

// captureStage is how far a capture is.
type captureStage int

const (
	// taking: its first files are not safe yet.
	taking captureStage = iota
	// collecting: they are, and it waits for a forced GC and what that shows.
	collecting
	// finishing: what is left takes its time and is no evidence of memory, a CPU
	// profile or the fsync.
	finishing
)

// savedEvidence is what was saved and how things stood then.
type savedEvidence struct {
	id       string
	kinds    KindSet
	at       time.Duration
	values   [signals]int64
	headroom int64
	live     int64 // live heap and stacks
}

// verdict is the ledger's answer.
type verdict struct {
	admitted bool
	covered  bool // earlier evidence speaks for this situation
	id       string
	why      string
	shows    int64 // where covered: up to how much live memory it does
}

func newLedger(perHour int) ledger {
	return ledger{budget: bucket.New(float64(perHour), time.Hour)}
}

// admit decides whether the rule gets evidence at this instant. An incident that
// has, or shares, evidence already gets more only when things became much worse,
// however long it lasts. It changes nothing but the budget's clock.
func (l *ledger) admit(r Rule, v *view, further bool) verdict {
	for i := range l.underway {
		u := &l.underway[i]
		// Near the limit a second one would take the time in which the first
		// gets what decides.
		if u.stage == taking || u.stage == collecting && (u.suspicion || v.limitNear()) {
			return verdict{why: "a capture is running"}
		}
	}
	if l.failures > 0 && v.at < l.retryAt {
		return verdict{why: fmt.Sprintf("the last capture failed, next try in %v", (l.retryAt - v.at).Round(time.Millisecond))}
	}
	// The latest evidence that shows what the rule asks for.
	why := "no evidence yet"
	if e := l.latest(r.Capture); e != nil {
		age := v.at - e.at
		worse := e.worse(r, v)
		if worse == "" && (further || age < r.Cooldown) {
			return verdict{covered: true, id: e.id, shows: e.shows(r, v),
				why: fmt.Sprintf("%s, saved %v ago, still speaks for this", e.id, age.Round(time.Millisecond))}
		}
		why = worse
		if why == "" {
			why = fmt.Sprintf("the last evidence is %v old", age.Round(time.Second))
		}
	}
	if wait := l.budget.Wait(1, v.at); wait > 0 {
		return verdict{why: fmt.Sprintf("the budget of %.0f captures an hour is used up, next in %v", l.budget.Capacity(), wait.Round(time.Second))}
	}
	return verdict{admitted: true, why: why}
}

// latest is the newest evidence of the kinds, or nil. That of a capture whose first
// files are safe counts.
func (l *ledger) latest(kinds KindSet) *savedEvidence {
	for i := len(l.underway) - 1; i >= 0; i-- {
		if u := &l.underway[i]; !u.suspicion && u.stage != taking && u.kinds&kinds == kinds {
			return &u.savedEvidence
		}
	}
	for i := len(l.saved) - 1; i >= 0; i-- {
		if e := &l.saved[i]; e.kinds&kinds == kinds {
			return e
		}
	}
	return nil
}

// shows is up to how much live memory the evidence shows what fills it.
func (e *savedEvidence) shows(r Rule, v *view) int64 {
	return e.live + e.live/liveFactor + leastRiseOf(v.limits[r.Signal])/4
}

// worse says in what respect things are much worse than when the evidence was
// taken; empty if in none.
func (e *savedEvidence) worse(r Rule, v *view) string {
	s := r.Signal
	ofMemory := !s.counts() && !s.isFloor() && s != HostMemory
	if live := v.live.last(); ofMemory && live > e.shows(r, v) && v.liveNear() {
		// What the evidence shows is not what fills the memory now.
		return fmt.Sprintf("live memory rose from %s to %s", profile.Bytes(e.live), profile.Bytes(live))
	}
	if then, now := e.values[Goroutines], v.values[Goroutines]; ofMemory && then > 0 && now >= worseFactor*then+fewGoroutines {
		// Whatever fills the memory, the evidence does not show them.
		return fmt.Sprintf("goroutines rose from %s to %s", Goroutines.format(then), Goroutines.format(now))
	}
	if ofMemory && e.headroom > 0 && v.headroom >= 0 && v.headroom <= e.headroom/worseFactor {
		return fmt.Sprintf("headroom fell from %s to %s", profile.Bytes(e.headroom), profile.Bytes(v.headroom))
	}
	if then, now := e.values[s], v.values[s]; then > 0 && now >= worseFactor*then {
		return fmt.Sprintf("%s rose from %s to %s", s, s.format(then), s.format(now))
	}
	return ""
}

// busy reports whether a capture is at what cannot wait.
func (l *ledger) busy() bool {
	return slices.ContainsFunc(l.underway, func(u underway) bool { return u.stage != finishing })
}

// begin notes that a capture of the kinds begins, and returns its number.
func (l *ledger) begin(v *view, kinds KindSet, suspicion bool) (number int) {
	l.begun++
	l.underway = append(l.underway, underway{
		savedEvidence: savedEvidence{kinds: kinds, at: v.at, values: v.values, headroom: v.headroom, live: v.live.last()},
		number:        l.begun, suspicion: suspicion,
	})
	return l.begun
}

// find returns a capture that is under way, or nil.
func (l *ledger) find(number int) *underway {
	for i := range l.underway {
		if l.underway[i].number == number {
			return &l.underway[i]
		}
	}
	return nil
}

// drop forgets a capture that has nothing to show.
func (l *ledger) drop(number int) {
	l.underway = slices.DeleteFunc(l.underway, func(u underway) bool { return u.number == number })
}

// reached notes how far a capture is. live is what of the heap and the stacks was
// live when its heap profile was taken; 0 where it has none.
func (l *ledger) reached(number int, id string, s captureStage, live int64) {
	if u := l.find(number); u != nil {
		u.id, u.stage, u.live = id, s, max(u.live, live)
	}
}

// end books a capture: the kinds of which evidence is safe, and a back-off unless
// it is whole. Only a capture that a rule asked for is charged to the budget.
func (l *ledger) end(number int, id string, kinds KindSet, whole, charge bool, at time.Duration) {
	u := l.find(number)
	if u == nil {
		return
	}
	e := u.savedEvidence
	l.drop(number)
	if whole {
		l.failures = 0
	} else {
		l.retryAt = at + min(firstBackoff<<min(l.failures, 20), longestBackoff)
		l.failures++
	}
	if kinds == 0 {
		return
	}
	if charge {
		l.budget.Spend(1, at)
	}
	e.id, e.kinds = id, kinds
	const keep = 8 // one for each set of kinds that rules are likely to ask for
	if len(l.saved) == keep {
		l.saved = l.saved[:copy(l.saved, l.saved[1:])]
	}
	l.saved = append(l.saved, e)
}
