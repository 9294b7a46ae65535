package guard

import "time"

const (
	// warmAfter is when the process counts as warm. The second baseline is taken
	// then, and growth lines are relative to that state.
	warmAfter = time.Minute
	// baselineEvery is the interval of further baselines, which the store thins out.
	baselineEvery = time.Hour
	// baselineRetry is the time to the next attempt after a baseline was lost.
	baselineRetry = time.Minute
)

// baselines schedules the baselines.
type baselines struct {
	next time.Duration // since Start
}

// takeBaseline starts a baseline if one is due and there is no incident. A baseline
// taken during an incident would already contain the growth.
func (l *loop) takeBaseline() {
	if l.keeper.LostBaseline() {
		l.baselines.next = min(l.baselines.next, l.view.at+baselineRetry)
	}
	if l.view.at < l.baselines.next || len(l.captures) > 0 {
		return
	}
	for _, s := range l.watch.rules {
		// A leak over weeks must not stop the baselines. Each incident uses one that
		// is older than its growth.
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
