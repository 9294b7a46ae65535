package diff

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Comparison is what grew between two profiles of a kind, seen by site,
// function, package and module. It is made by [Compare], and is a value that
// nothing changes afterwards. Lists are sorted by growth, largest first, and
// bounded: what was left out is in Rest.
type Comparison struct {
	Kind profile.Kind
	// Unit is that of all values but Objects: [profile.UnitBytes] for a heap,
	// [profile.UnitCount] for goroutines, [profile.UnitNS] for a CPU profile.
	Unit profile.Unit
	// BaseTime and NowTime are when the profiles were taken; zero where a
	// profile does not say.
	BaseTime, NowTime time.Time
	// HasBase is false where there was nothing to compare with: then Before
	// is 0 everywhere and all that is there counts as growth.
	HasBase bool
	// Total is all of the profile; Objects the same in number of objects,
	// of a heap only.
	Total, Objects incident.Change
	// Sites are the places in the user's own code that the growth goes back
	// to: the first frame above runtime, standard library and dependencies.
	Sites []Row
	// Functions are the leaf frames: who called the allocator, who is on the
	// processor, who blocks.
	Functions []Row
	// Packages and Modules attribute by the site. A module is the main
	// module, a dependency, or 'std'.
	Packages, Modules []Row
	// Goroutines are the groups of a goroutine profile.
	Goroutines []GoroutineGroup
	// Rest is what the bounds cut off the lists, at most 50 rows each.
	Rest Omitted
	// Flame is the tree of what grew; nil where nothing did.
	Flame *FlameNode
	// Suspects are who may leak, the likeliest first.
	Suspects []incident.Suspect
	// Warnings are doubts that are no error, such as 'the profile is stale
	// by two cycles', as whole sentences without a full stop.
	Warnings []string
}

// Rest is what is missing in the lists of a [Comparison]: the rows that grew
// least, with those that shrank.
type Omitted struct {
	Sites, Functions, Packages, Modules, Goroutines OmittedRows
}

// Remainder is the sum of rows that are not listed.
type OmittedRows struct {
	Rows           int             // how many; 0: the list is complete
	Value, Objects incident.Change // as in [Row]
}

// Growth is one row of a comparison.
type Row struct {
	// Frame has what the row is about: of a package its Package and Module
	// only, of a module its Module.
	Frame   profile.Frame
	Value   incident.Change // in Comparison.Unit
	Objects incident.Change // of a heap only
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
	Blocked profile.Frame
	// Root is the function that the goroutines were started with.
	Root profile.Frame
	// Labels are their pprof labels, as 'key=value' sorted and joined by ', '.
	Labels string
	Count  incident.Change
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
