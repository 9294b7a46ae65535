package incident

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// TrendState says what a trend looks like. The zero value means that it is not
// set.
type TrendState string

// The states of a trend.
const (
	TrendCalm    TrendState = "calm"
	TrendGrowing TrendState = "growing" // too early to tell a leak from a warm-up
	TrendLeaking TrendState = "leaking"
)

// Trend says how a signal moved over hours, as judged when an incident opened.
type Trend struct {
	Signal string       `json:"signal"` // such as 'live heap'
	Unit   profile.Unit `json:"unit"`   // of the slope, per hour: [profile.UnitBytes] or [profile.UnitCount]
	State  TrendState   `json:"state"`
	// Slope is the growth an hour. It lies between SlopeLow and SlopeHigh.
	Slope     float64 `json:"slope_per_hour"`
	SlopeLow  float64 `json:"slope_low_per_hour"`
	SlopeHigh float64 `json:"slope_high_per_hour"`
	// Confidence in the state, 0 to 1.
	Confidence float64 `json:"confidence"`
	// Since is when the growth began, as far as the history reaches back.
	Since time.Time `json:"since"`
	// Reason says in words why it is in this state.
	Reason string `json:"reason"`
	// LimitSoonest and LimitLatest say after how long the limit will be
	// reached; negative if there is no limit or no growth.
	LimitSoonest time.Duration `json:"limit_soonest_ns"`
	LimitLatest  time.Duration `json:"limit_latest_ns"`
}

// GoroutineSite is a place where goroutines wait, as the census saw it over
// time.
type GoroutineSite struct {
	Frame profile.Frame `json:"frame"` // the user's code that waits
	Root  string        `json:"root"`  // the function that they started with
	Wait  string        `json:"wait"`  // what they wait for, such as 'chan receive'
	Count int64         `json:"count"` // at present
	// Grown is how many goroutines were added since Since, when the site began
	// to grow.
	Grown int64     `json:"grown"`
	Since time.Time `json:"since"`
	// Standing is how long the count has not been below Count.
	Standing time.Duration `json:"standing_ns"`
	// Leaking means that the census considers them leaked, Proven that the
	// garbage collector proved it ([profile.GoroutineLeak]).
	Leaking bool `json:"leaking"`
	Proven  bool `json:"proven"`
	// Reason says in words why the census considers them leaked, or why not.
	Reason string `json:"reason"`
	// CreatedBy is the function that starts them, and the line where it does; of
	// several, the one that started most. It is zero if it is not known: the
	// census reads it once from 300 goroutines on and again shortly before
	// 1,000, for up to 64 sites with more than 3 goroutines. Type arguments
	// read '[...]'.
	CreatedBy profile.Frame `json:"created_by,omitzero"`
}

// HistoryPoint is the state of the process at one time.
type HistoryPoint struct {
	Time       time.Time     `json:"time"`
	Memory     profile.Bytes `json:"unreclaimable_bytes"`
	LiveHeap   profile.Bytes `json:"heap_live_bytes"`
	Goroutines profile.Count `json:"goroutines"`
}
