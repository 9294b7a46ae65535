package profile

import "time"

// Report is an incident explained. It is one model with three renderings:
// [Report.WriteText] for logs and terminals, [Report.WriteMarkdown] for issue
// trackers and [Report.WriteHTML] for a browser. It is made by [Explain], and may
// be rendered by several goroutines.
//
// What it costs, at the bounds of what [Compare] returns (the benchmarks of this
// package, on two cores of a virtual machine): Explain 0.1 ms and 24 KB, text and
// Markdown 0.6 ms and 0.4 MB each, HTML 3 ms and 4.6 MB. A binary that writes
// reports is 390 KB larger for it, 65 KB of which are what draws the page; that
// takes no memory until a page is written.
type Report struct {
	// Headline names the first suspect, its growth and where it is, in one
	// sentence; where there is no suspect, what is known instead.
	Headline string
	// Manifest is the incident. For two files that somebody compares it is
	// the zero value, whose ID is ''.
	Manifest Manifest
	// Suspects are those of all kinds, the likeliest first, with their roles.
	Suspects []Suspect
	// Heap, Goroutine and CPU are the comparisons; nil where there is none.
	Heap, Goroutine, CPU *Comparison
	// GoroutineLeak is the goroutines that the garbage collector proved leaked;
	// nil where there is no such profile.
	GoroutineLeak *Comparison
	// Warnings are doubts that are no error, of all of it.
	Warnings []string
	// Next is what to type next.
	Next []Command
}

// Command is something to type, and what it is good for.
type Command struct {
	Purpose string // such as 'who holds the memory that was added'
	Line    string // one line for a shell
}

// Evidence is what a report is made of. Its zero value makes one that says that
// there is none.
type Evidence struct {
	Manifest Manifest
	// Folder is where the incident's files are, for the commands to type; ''
	// gives names without a folder.
	Folder string
	// BaseFile and NowFile are the paths of two files that somebody compares,
	// for the commands to type; they are used where the Manifest has no
	// artefacts. '' gives no such commands.
	BaseFile, NowFile string
	// Heap, Goroutine and CPU are comparisons; nil: there is none.
	Heap, Goroutine, CPU *Comparison
	// GoroutineLeak is the comparison of a profile of goroutines that the
	// garbage collector proved leaked with nothing (nil: there is none). It
	// turns a suspicion of Goroutine's into a proof.
	GoroutineLeak *Comparison
	// Warnings are doubts that arose while the evidence was read.
	Warnings []string
}

// Trend is how a signal has moved over hours, as it was judged when an incident
// opened.
type Trend struct {
	Signal string `json:"signal"` // such as 'live heap'
	Unit   string `json:"unit"`   // of the slope, an hour: [UnitBytes] or [UnitCount]
	// State is 'calm', 'growing' (too early to tell) or 'leaking'.
	State string `json:"state"`
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
	Frame Frame  `json:"frame"` // of the user's code that waits
	Root  string `json:"root"`  // the function that they were started with
	Wait  string `json:"wait"`  // as in [GoroutineGroup]
	Count int64  `json:"count"` // now
	// Grown is by how many more they have become since Since, when the site
	// began to grow.
	Grown int64     `json:"grown"`
	Since time.Time `json:"since"`
	// Standing is for how long there have not been fewer than now.
	Standing time.Duration `json:"standing_ns"`
	// Leaking says that the census takes them for leaked; Proven that the
	// garbage collector proved it ([GoroutineLeak]).
	Leaking bool `json:"leaking"`
	Proven  bool `json:"proven"`
	// Reason says in words why the census takes them for leaked, or not.
	Reason string `json:"reason"`
}

// HistoryPoint is how the process stood at a time.
type HistoryPoint struct {
	Time       time.Time `json:"time"`
	Memory     Bytes     `json:"unreclaimable_bytes"`
	LiveHeap   Bytes     `json:"heap_live_bytes"`
	Goroutines Count     `json:"goroutines"`
}
