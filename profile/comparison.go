package profile

import "time"

// Comparison is what grew between two profiles of a kind, seen by site,
// function, package and module. It is made by [Compare], and is a value that
// nothing changes afterwards. Lists are sorted by growth, largest first, and
// bounded: what was left out is in Rest.
type Comparison struct {
	Kind Kind
	// Unit is that of all values but Objects: [UnitBytes] for a heap,
	// [UnitCount] for goroutines, [UnitNS] for a CPU profile.
	Unit string
	// BaseTime and NowTime are when the profiles were taken; zero where a
	// profile does not say.
	BaseTime, NowTime time.Time
	// HasBase is false where there was nothing to compare with: then Before
	// is 0 everywhere and all that is there counts as growth.
	HasBase bool
	// Total is all of the profile; Objects the same in number of objects,
	// of a heap only.
	Total, Objects Change
	// Sites are the places in the user's own code that the growth goes back
	// to: the first frame above runtime, standard library and dependencies.
	Sites []Growth
	// Functions are the leaf frames: who called the allocator, who is on the
	// processor, who blocks.
	Functions []Growth
	// Packages and Modules attribute by the site. A module is the main
	// module, a dependency, or 'std'.
	Packages, Modules []Growth
	// Goroutines are the groups of a goroutine profile.
	Goroutines []GoroutineGroup
	// Rest is what the bounds cut off the lists, at most 50 rows each.
	Rest Rest
	// Flame is the tree of what grew; nil where nothing did.
	Flame *FlameNode
	// Suspects are who may leak, the likeliest first.
	Suspects []Suspect
	// Warnings are doubts that are no error, such as 'the profile is stale
	// by two cycles', as whole sentences without a full stop.
	Warnings []string
}

// Rest is what is missing in the lists of a [Comparison]: the rows that grew
// least, with those that shrank.
type Rest struct {
	Sites, Functions, Packages, Modules, Goroutines Remainder
}

// Remainder is the sum of rows that are not listed.
type Remainder struct {
	Rows           int    // how many; 0: the list is complete
	Value, Objects Change // as in [Growth]
}

// Change is a quantity before and after.
type Change struct {
	Before, After int64
}

// Growth is what was added; negative where it shrank.
func (c Change) Growth() int64 { return c.After - c.Before }

// Frame is a place in the code. What is not known, or does not apply, is zero.
type Frame struct {
	Function string `json:"function"` // such as 'github.com/acme/shop/storage.(*Cache).Put'
	File     string `json:"file"`
	Line     int    `json:"line"`
	Package  string `json:"package"` // import path
	Module   string `json:"module"`  // path, 'std' for the standard library
}

// Growth is one row of a comparison.
type Growth struct {
	// Frame has what the row is about: of a package its Package and Module
	// only, of a module its Module.
	Frame   Frame
	Value   Change // in Comparison.Unit
	Objects Change // of a heap only
	// Share is the row's part of the sum of all growth, 0 to 1; 0 for what
	// shrank.
	Share float64
}

// GoroutineGroup is the goroutines that do the same.
type GoroutineGroup struct {
	// Wait is what they wait for, in the runtime's words: 'chan receive',
	// 'select', 'sync.Mutex.Lock', 'IO wait'; 'running' where they do not.
	Wait string
	// Blocked is the frame of the user's own code that waits; where there is
	// none, the innermost that is not the runtime's.
	Blocked Frame
	// Root is the function that the goroutines were started with.
	Root Frame
	// Labels are their pprof labels, as 'key=value' sorted and joined by ', '.
	Labels string
	Count  Change
	// Standing is for how long the count has not been below what it is now;
	// negative where nobody knows.
	Standing time.Duration
}

// FlameNode is a function with what it and all that it called added. Children
// are sorted by growth, largest first; of what shrank nothing is in it.
type FlameNode struct {
	Name     string       `json:"name"`
	Value    int64        `json:"value"` // in Comparison.Unit, its children's included
	Children []*FlameNode `json:"children,omitempty"`
}

// Suspect is somebody who may leak.
type Suspect struct {
	Kind  Kind
	Frame Frame // the site
	// Wait is what goroutines at the site wait for; '' for other kinds.
	Wait  string
	Value Change
	Unit  string
	// Share is its part of all growth of its kind, 0 to 1.
	Share float64
	// Standing is as in [GoroutineGroup].
	Standing time.Duration
	// Confidence that it leaks, 0 to 1: below 0.5 it is a guess, from 0.9 as
	// good as proven.
	Confidence float64
	// Proven says that the garbage collector proved it ([GoroutineLeak]).
	Proven bool
	// Evidence is why, in sentences without a full stop, the strongest first.
	Evidence []string
	// Role says how the suspect stands to the others of a report; see
	// [Explain].
	Role Role

	ticks float64 // how often each of the goroutines is woken per second; 0: not known to
}

// Role is how a suspect stands to the other ones of a report.
type Role string

// The roles. Where one suspect grows in proportion to another, the goroutines
// are the cause candidate: memory of another package grows with them.
const (
	RoleAlone     Role = ""                // nothing else grows with it
	RoleCause     Role = "cause candidate" // others grow with it
	RoleGrowsWith Role = "grows with it"   // it grows with the cause candidate
)
