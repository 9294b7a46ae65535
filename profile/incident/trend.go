package incident

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// TrendState says what a trend looks like. Its zero value is not set.
type TrendState string

// The states of a trend.
const (
	TrendCalm    TrendState = "calm"
	TrendGrowing TrendState = "growing" // it is too early to tell a leak from warming up
	TrendLeaking TrendState = "leaking"
)

// Trend is how a signal has moved over hours, as it was judged when an incident
// opened.
type Trend struct {
	Signal string       `json:"signal"` // such as 'live heap'
	Unit   profile.Unit `json:"unit"`   // of the slope, an hour: [profile.UnitBytes] or [profile.UnitCount]
	State  TrendState   `json:"state"`
	// Slope is the growth an hour, and SlopeLow to SlopeHigh its range.
	Slope     float64 `json:"slope_per_hour"`
	SlopeLow  float64 `json:"slope_low_per_hour"`
	SlopeHigh float64 `json:"slope_high_per_hour"`
	// Confidence is that of the state, 0 to 1.
	Confidence float64 `json:"confidence"`
	// Since is when the growth began, as far as history tells.
	Since time.Time `json:"since"`
	// Reason says in words why it is this state.
	Reason string `json:"reason"`
	// LimitSoonest and LimitLatest are when the limit would be met; negative
	// where there is no limit or no growth.
	LimitSoonest time.Duration `json:"limit_soonest_ns"`
	LimitLatest  time.Duration `json:"limit_latest_ns"`
}

// GoroutineSite is a place where goroutines wait, as the census of them over
// time saw it.
type GoroutineSite struct {
	Frame profile.Frame `json:"frame"` // of the user's code that waits
	Root  string        `json:"root"`  // the function that they were started with
	Wait  string        `json:"wait"`  // as in [diff.GoroutineGroup]
	Count int64         `json:"count"` // now
	// Grown is by how many more they have become since Since, when the site
	// began to grow.
	Grown int64     `json:"grown"`
	Since time.Time `json:"since"`
	// Standing is for how long there have not been fewer than now.
	Standing time.Duration `json:"standing_ns"`
	// Leaking says that the census takes them for leaked; Proven that the
	// garbage collector proved it ([profile.GoroutineLeak]).
	Leaking bool `json:"leaking"`
	Proven  bool `json:"proven"`
	// Reason says in words why the census takes them for leaked, or not.
	Reason string `json:"reason"`
}

// HistoryPoint is how the process stood at a time.
type HistoryPoint struct {
	Time       time.Time     `json:"time"`
	Memory     profile.Bytes `json:"unreclaimable_bytes"`
	LiveHeap   profile.Bytes `json:"heap_live_bytes"`
	Goroutines profile.Count `json:"goroutines"`
}
