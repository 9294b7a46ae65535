package trend

import (
	"fmt"
	"math"
	"time"
)

// State classifies a trend.
type State int

// The states.
const (
	Calm    State = iota // no growth beyond noise, swings and steps
	Growing              // it grows, but it is too early to say why
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

// Verdict is the result of [Series.Judge].
type Verdict struct {
	State State
	// Slope is the growth in units per hour. Low and High are its 95% confidence
	// interval (Sen's), widened for autocorrelation. All are 0 when calm.
	Slope, Low, High float64
	// Confidence in the state, 0 to 1. It says how clearly the weakest test was
	// passed; 0.5 is just passed. It is not a probability.
	Confidence float64
	// Since is when the growth began, as far as the history shows, on the clock of
	// [Series.Add]. When calm, it is when the history begins.
	Since time.Duration
	// Reason says why in one sentence, without a full stop.
	Reason string
}

// Never is the latest time at which a limit is met if there may be no growth at
// all.
const Never = time.Duration(math.MaxInt64)

// TimeTo returns the earliest and the latest time until the limit is met if the
// growth continues, from current at the rates High and Low. latest is [Never] if
// Low is not positive. Both are 0 if the limit is already met. ok is false if there
// is nothing to extrapolate: the verdict is calm, or current or limit is unknown.
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
