package diff

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Comparison says what grew between two profiles of one kind, by site,
// function, package and module. [Compare] returns it and does not change it
// afterwards, so it may be read from several goroutines. Its lists are sorted
// by growth, largest first, and bounded; Rest sums up what was left out.
type Comparison struct {
	Kind profile.Kind
	// Unit is the unit of all values but Objects: [profile.UnitBytes] for a
	// heap, [profile.UnitCount] for goroutines, [profile.UnitNS] for a CPU
	// profile.
	Unit profile.Unit
	// BaseTime and NowTime are when the profiles were taken, or the zero time
	// if a profile does not say.
	BaseTime, NowTime time.Time
	// HasBase reports whether there was a baseline. Without one, Before is 0
	// everywhere and everything counts as growth.
	HasBase bool
	// Total is the sum of the whole profile. Objects is its number of objects,
	// for a heap only.
	Total, Objects incident.Change
	// Guard is what this library itself holds, or how many goroutines it has. Total
	// contains it; no row, suspect or flame does.
	Guard incident.Change
	// Sites are the places in the user's own code that caused the growth: the
	// first frame above the runtime, the standard library and dependencies.
	Sites []Row
	// Functions are the leaf frames: what called the allocator, what ran on the
	// CPU, or what blocked.
	Functions []Row
	// Packages sum up the growth by the package of the site. Modules sum it up by
	// the module that does the work: what a dependency allocates is its own, also if
	// the user's own code called it. A module is the main module, a dependency, or
	// 'std' where nobody else is on the stack.
	Packages, Modules []Row
	// Goroutines are the groups of a goroutine profile; nil for other kinds.
	Goroutines []GoroutineGroup
	// Allocators are the places of the user's own code whose goroutines were on a
	// processor or in the allocator when a goroutine profile was taken, most goroutines
	// first, at most 4; nil for other kinds. While memory fills at once, they are who
	// fills it.
	Allocators []incident.Suspect
	// Rest sums up the rows that the lists leave out beyond Config.Rows.
	Rest Omitted
	// Flame is the tree of what grew; nil if nothing grew.
	Flame *FlameNode
	// Suspects are the places that may leak, most likely first, at most 10.
	Suspects []incident.Suspect
	// Warnings are doubts that are not errors, such as 'the profile is two GC
	// cycles old: it lacks the latest growth', each a sentence without a full
	// stop.
	Warnings []string

	// callers finds the caller of a library.
	callers func(library profile.Frame) (profile.Frame, bool)
}

// Omitted sums up the rows missing from the lists of a [Comparison]: those that
// grew least, and those that shrank.
type Omitted struct {
	Sites, Functions, Packages, Modules, Goroutines OmittedRows
}

// OmittedRows is the sum of the rows that one list leaves out.
type OmittedRows struct {
	Rows           int             // number of rows; 0 if the list is complete
	Value, Objects incident.Change // as in [Row]
}

// Row is one row of a comparison.
type Row struct {
	// Frame identifies the row. For a package only Package and Module are set,
	// for a module only Module.
	Frame   profile.Frame
	Value   incident.Change // in Comparison.Unit
	Objects incident.Change // for a heap only
	// Share is the row's part of all growth, 0 to 1; 0 if the row shrank.
	Share float64
}

// GoroutineGroup counts goroutines that wait for the same thing at the same
// place.
type GoroutineGroup struct {
	// Wait is what they wait for, in the runtime's words, such as 'chan
	// receive', 'select', 'sync.Mutex.Lock' or 'IO wait'; 'running' if they do
	// not wait.
	Wait string
	// Blocked is the frame of the user's own code that waits, or the innermost
	// frame outside the runtime if there is none.
	Blocked profile.Frame
	// Root is the function that the goroutines started with.
	Root profile.Frame
	// Labels are their pprof labels as 'key=value', sorted and joined by ', ';
	// "" if they have none.
	Labels string
	Count  incident.Change
	// Standing is how long the count has not been below its present value;
	// negative if unknown.
	Standing time.Duration
}

// FlameNode is a function with the growth of itself and of all that it called.
// Children are sorted by growth, largest first. Functions that shrank are left
// out.
type FlameNode struct {
	Name     string       `json:"name"`
	Value    int64        `json:"value"` // in Comparison.Unit, including the children
	Children []*FlameNode `json:"children,omitempty"`
}
