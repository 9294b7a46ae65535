package incident

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Change is a quantity before and after.
type Change struct {
	Before, After int64
}

// Growth is what was added; negative where it shrank.
func (c Change) Growth() int64 { return c.After - c.Before }

// Suspect is a place in the code that may leak.
type Suspect struct {
	Kind  profile.Kind
	Frame profile.Frame // the site
	// Wait is what goroutines at the site wait for; "" for other kinds.
	Wait  string
	Value Change
	Unit  profile.Unit
	// Share is its part of all growth of its kind, 0 to 1.
	Share float64
	// Standing is as in [diff.GoroutineGroup].
	Standing time.Duration
	// Confidence that it leaks, 0 to 1: below 0.5 it is a guess, from 0.9 as
	// good as proven.
	Confidence float64
	// Proven says that the garbage collector proved it ([profile.GoroutineLeak]).
	Proven bool
	// Reasons say why, in sentences without a full stop, the strongest first.
	Reasons []string
	// Role says how the suspect stands to the others of a report; see
	// [report.Explain].
	Role Role
	// TicksPerSecond is how often a timer wakes each of the goroutines; 0 where
	// none is known to.
	TicksPerSecond float64
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
