package trend

import (
	"fmt"
	"math"
	"time"
)

// State is what a trend amounts to.
type State int

// The states.
const (
	Calm    State = iota // no growth beyond noise, swings and steps
	Growing              // it grows, but it is too early to tell why
	Leaking              // it grows in a way that only a leak explains
)

// String returns 'calm', 'growing' or 'leaking'.
func (s State) String() string {
	switch s {
	case Calm:
		return "calm"
	case Growing:
		return "growing"
	case Leaking:
		return "leaking"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// Verdict is what [Series.Judge] says of a history.
type Verdict struct {
	State State
	// Slope is the growth in units an hour, and Low to High its range: the
	// 95% confidence interval of Sen's slope, widened for autocorrelation.
	// All are 0 when calm.
	Slope, Low, High float64
	// Confidence in the state, 0 to 1. It says how clearly the weakest of
	// the tests was passed, and is no probability: 0.5 is just passed.
	Confidence float64
	// Since is when the growth began, as far as the history tells, on the
	// clock of [Series.Add]; when calm, when the history begins.
	Since time.Duration
	// Reason says in one sentence, without a full stop, why it is this state.
	Reason string
}

// Never is the latest time of a growth that may as well be none.
const Never = time.Duration(math.MaxInt64)

// TimeTo returns when the limit will be met at the earliest and at the latest
// if the growth goes on as it is: from current at the rates High and Low.
// latest is [Never] where Low is not positive. Both are 0 when the limit is
// met already. ok is false where there is nothing to extrapolate: when calm,
// and when current or limit is not known.
func (v Verdict) TimeTo(current, limit float64) (soonest, latest time.Duration, ok bool) {
	if v.State == Calm || !(v.High > 0) || !(current >= 0) || !(limit > 0) {
		return 0, 0, false
	}
	if current >= limit {
		return 0, 0, true
	}
	return hoursToMeet(limit-current, v.High), hoursToMeet(limit-current, v.Low), true
}

func hoursToMeet(distance, perHour float64) time.Duration {
	if !(perHour > 0) {
		return Never
	}
	ns := distance / perHour * float64(time.Hour)
	if !(ns < float64(math.MaxInt64)) {
		return Never
	}
	return time.Duration(ns)
}
