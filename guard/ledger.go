package guard

import (
	"fmt"
	"time"

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

// ledger decides when evidence may be taken: one capture at a time, none while
// earlier evidence still speaks for the same situation, within a budget, and
// after a failure only when its back-off has passed.
type ledger struct {
	capacity float64
	tokens   float64
	filledAt time.Duration

	running  bool
	pending  evidence // of the running capture
	saved    []evidence
	failures int
	retryAt  time.Duration
}

// evidence is what was saved and how things stood then.
type evidence struct {
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
	return ledger{capacity: float64(perHour), tokens: float64(perHour)}
}

// admit decides whether the rule gets evidence at this instant. An incident that
// has, or shares, evidence already gets more only when things became much worse,
// however long it lasts. It changes nothing but the budget's clock.
func (l *ledger) admit(r Rule, v *view, further bool) verdict {
	if l.running {
		return verdict{why: "a capture is running"}
	}
	if l.failures > 0 && v.at < l.retryAt {
		return verdict{why: fmt.Sprintf("the last capture failed, next try in %v", (l.retryAt - v.at).Round(time.Millisecond))}
	}
	// The latest evidence that shows what the rule asks for.
	why := "no evidence yet"
	for i := len(l.saved) - 1; i >= 0; i-- {
		e := &l.saved[i]
		if e.kinds&r.Capture != r.Capture {
			continue
		}
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
		break
	}
	l.refill(v.at)
	if l.tokens < 1 {
		wait := time.Duration((1 - l.tokens) / l.capacity * float64(time.Hour))
		return verdict{why: fmt.Sprintf("the budget of %.0f captures an hour is used up, next in %v", l.capacity, wait.Round(time.Second))}
	}
	return verdict{admitted: true, why: why}
}

// shows is up to how much live memory the evidence shows what fills it.
func (e *evidence) shows(r Rule, v *view) int64 {
	return e.live + e.live/liveFactor + leastRiseOf(v.limits[r.Signal])/4
}

// collected notes what of the heap and the stacks was live when the running
// capture's heap profile was taken.
func (l *ledger) collected(live int64) { l.pending.live = max(l.pending.live, live) }

// worse says in what respect things are much worse than when the evidence was
// taken; empty if in none.
func (e *evidence) worse(r Rule, v *view) string {
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

func (l *ledger) refill(at time.Duration) {
	l.tokens = min(l.capacity, l.tokens+l.capacity*(at-l.filledAt).Hours())
	l.filledAt = at
}

// begin marks a capture as running.
func (l *ledger) begin(v *view) {
	l.running = true
	l.pending = evidence{at: v.at, values: v.values, headroom: v.headroom, live: v.live.last()}
}

// end books the running capture: the kinds of which evidence is safe, and a
// back-off unless it is whole. Only a capture that a rule asked for is charged to
// the budget.
func (l *ledger) end(id string, kinds KindSet, whole, charge bool, at time.Duration) {
	l.running = false
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
		l.refill(at)
		l.tokens--
	}
	e := l.pending
	e.id, e.kinds = id, kinds
	const keep = 8 // one for each set of kinds that rules are likely to ask for
	if len(l.saved) == keep {
		l.saved = l.saved[:copy(l.saved, l.saved[1:])]
	}
	l.saved = append(l.saved, e)
}
