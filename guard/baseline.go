package guard

import "time"

const (
	// warmAfter is when the process counts as warmed up: its second baseline
	// is taken, and rules of growth compare with that state from then on.
	warmAfter = time.Minute
	// baselineEvery is how often a further baseline is taken; the store
	// thins them out.
	baselineEvery = time.Hour
	// baselineRetry is how long after one was lost the next is tried.
	baselineRetry = time.Minute
)

// baselines is when the loop has the next baseline taken.
type baselines struct {
	next time.Duration // since Start
}

// takeBaseline has a baseline taken when one is due and nothing is the matter:
// a baseline out of an incident would be compared with itself.
func (l *loop) takeBaseline() {
	if l.keeper.LostBaseline() {
		l.baselines.next = min(l.baselines.next, l.view.at+baselineRetry)
	}
	if l.view.at < l.baselines.next || len(l.captures) > 0 {
		return
	}
	for _, s := range l.watch.rules {
		// What leaks for weeks must not end the baselines: an incident takes one
		// that is older than its growth.
		if !s.rule.slow() && (s.open || s.position >= suspect) {
			return
		}
	}
	if !l.keeper.surveyed(l.keeper.Baseline) {
		return
	}
	switch {
	case l.baselines.next < warmAfter:
		l.baselines.next = warmAfter
	default:
		l.baselines.next = l.view.at + baselineEvery
	}
}
