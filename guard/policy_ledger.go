package guard

import (
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/bucket"
	"github.com/leakguard/leakguard/profile"
)

const (
	// defaultCapturesPerHour is the budget of captures by rules. It is a token bucket
	// that refills evenly, so captures never stop for good.
	defaultCapturesPerHour = 6
	// worseFactor is how much worse things must become for evidence within the
	// cooldown: the headroom falls to a quarter, or the value quadruples.
	worseFactor = 4
	// liveFactor: when the limit is near, a sixteenth more live memory than the
	// evidence shows is enough for new evidence.
	liveFactor = 16
	// fewGoroutines is a number of additional goroutines that does not justify
	// evidence.
	fewGoroutines = 1000
	// firstBackoff is the pause after a failed capture. It doubles with each failure
	// in a row, up to longestBackoff.
	firstBackoff   = 250 * time.Millisecond
	longestBackoff = time.Minute
)

// ledger decides when a capture may begin: no other capture is writing its first files, no
// earlier evidence covers the situation, the budget is not used up, and the back-off after
// a failure has passed.
type ledger struct {
	budget bucket.Bucket // of captures

	begun    int             // captures so far, the source of their numbers
	underway []underway      // oldest first
	saved    []savedEvidence // likewise
	failures int
	retryAt  time.Duration
}

// underway is a running capture.
type underway struct {
	savedEvidence // the evidence that it will be
	number        int
	stage         captureStage
	suspicion     bool // it may turn out wrong, so it does not count as evidence yet
}

// captureStage is the stage of a capture.
type captureStage int

const (
	// taking: the first files are not safe yet.
	taking captureStage = iota
	// collecting: the first files are safe, and the capture waits for a forced GC.
	collecting
	// finishing: only slow steps remain that are no evidence of memory, such as a CPU
	// profile or fsync.
	finishing
)

// savedEvidence is saved evidence, with the state of the process at that time.
type savedEvidence struct {
	id       string
	kinds    KindSet
	at       time.Duration
	values   [signals]int64
	headroom int64
	live     int64 // live heap and stacks
}

// verdict is the ledger's decision.
type verdict struct {
	admitted bool
	covered  bool // earlier evidence covers the situation
	id       string
	why      string
	shows    int64 // if covered: up to this much live memory
}

func newLedger(perHour int) ledger {
	return ledger{budget: bucket.New(float64(perHour), time.Hour)}
}

// admit decides whether the rule gets evidence now. further says that its incident already
// has, or shares, evidence; it then gets more only if things have become much worse. admit
// changes nothing except that it refills the budget.
func (l *ledger) admit(r Rule, v *view, further bool) verdict {
	for i := range l.underway {
		u := &l.underway[i]
		// Near the limit, a second capture would delay the first one's fresh heap profile.
		if u.stage == taking || u.stage == collecting && (u.suspicion || v.limitNear()) {
			return verdict{why: "a capture is running"}
		}
	}
	if l.failures > 0 && v.at < l.retryAt {
		return verdict{why: fmt.Sprintf("the last capture failed; next attempt in %v", (l.retryAt - v.at).Round(time.Millisecond))}
	}
	// Look at the latest evidence with the rule's kinds.
	why := "no evidence yet"
	if e := l.latest(r.Capture); e != nil {
		age := v.at - e.at
		worse := e.worse(r, v)
		if worse == "" && (further || age < r.Cooldown) {
			return verdict{covered: true, id: e.id, shows: e.shows(r, v),
				why: fmt.Sprintf("%s, saved %v ago, still covers this", e.id, age.Round(time.Millisecond))}
		}
		why = worse
		if why == "" {
			why = fmt.Sprintf("the last evidence is %v old", age.Round(time.Second))
		}
	}
	if wait := l.budget.Wait(1, v.at); wait > 0 {
		return verdict{why: fmt.Sprintf("the budget of %.0f captures an hour is used up; next capture in %v", l.budget.Capacity(), wait.Round(time.Second))}
	}
	return verdict{admitted: true, why: why}
}

// latest returns the newest evidence that has the kinds, or nil. A running capture counts
// once its first files are safe.
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

// shows returns the amount of live memory up to which the evidence covers the situation.
func (e *savedEvidence) shows(r Rule, v *view) int64 {
	return e.live + e.live/liveFactor + leastRiseOf(v.limits[r.Signal])/4
}

// worse says in what respect things are much worse than when the evidence was saved. It
// returns "" if they are not.
func (e *savedEvidence) worse(r Rule, v *view) string {
	s := r.Signal
	ofMemory := !s.counts() && !s.isFloor() && s != HostMemory
	if live := v.live.last(); ofMemory && live > e.shows(r, v) && v.liveNear() {
		// The evidence does not show what fills the memory now.
		return fmt.Sprintf("live memory rose from %s to %s", profile.Bytes(e.live), profile.Bytes(live))
	}
	if then, now := e.values[Goroutines], v.values[Goroutines]; ofMemory && then > 0 && now >= worseFactor*then+fewGoroutines {
		// The evidence does not show the new goroutines.
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

// busy reports whether a capture has not reached finishing.
func (l *ledger) busy() bool {
	return slices.ContainsFunc(l.underway, func(u underway) bool { return u.stage != finishing })
}

// begin records that a capture begins, and returns its number.
func (l *ledger) begin(v *view, kinds KindSet, suspicion bool) (number int) {
	l.begun++
	l.underway = append(l.underway, underway{
		savedEvidence: savedEvidence{kinds: kinds, at: v.at, values: v.values, headroom: v.headroom, live: v.live.last()},
		number:        l.begun, suspicion: suspicion,
	})
	return l.begun
}

// find returns a running capture, or nil.
func (l *ledger) find(number int) *underway {
	for i := range l.underway {
		if l.underway[i].number == number {
			return &l.underway[i]
		}
	}
	return nil
}

// drop removes a capture from those that are running.
func (l *ledger) drop(number int) {
	l.underway = slices.DeleteFunc(l.underway, func(u underway) bool { return u.number == number })
}

// reached records the stage of a capture. live is the live heap and stacks at its heap
// profile, or 0 if it has none.
func (l *ledger) reached(number int, id string, s captureStage, live int64) {
	if u := l.find(number); u != nil {
		u.id, u.stage, u.live = id, s, max(u.live, live)
	}
}

// end records the end of a capture with the kinds that it has saved. If it is not whole, a
// back-off begins. charge says whether it uses the budget, as captures by rules do.
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
	const keep = 8 // enough for each set of kinds that rules are likely to use
	if len(l.saved) == keep {
		l.saved = l.saved[:copy(l.saved, l.saved[1:])]
	}
	l.saved = append(l.saved, e)
}
