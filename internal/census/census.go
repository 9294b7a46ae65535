package census

import (
	"cmp"
	"time"
)

// Key is what the goroutines of a site have in common.
type Key struct {
	// Wait is what they wait for, in the runtime's words: 'chan receive',
	// 'select', 'sync.Mutex.Lock', 'IO wait'; 'running' where they do not.
	Wait string
	// Function, File and Line are where: the innermost frame of the user's own
	// code; where there is none, a dependency's, else the standard library's.
	Function string
	File     string
	Line     int
	// Root is the function that they were started with; "" where the stack is
	// deeper than the 32 frames that a census sees.
	Root string
}

// Group is the goroutines of a site, counted.
type Group struct {
	Key
	Count int64
	// Forever says that they wait for something that may never come: a
	// channel, select, lock, WaitGroup or Cond, not a timer or I/O.
	Forever bool
}

// State is what a site's count is doing.
type State int

// The states of a site, in the order of their gravity.
const (
	Calm    State = iota // it comes and goes, or stays
	Growing              // it rises, too early or too unclear to call it a leak
	Leaking              // it keeps rising and next to nothing leaves
	Proven               // the garbage collector proved it; see [Watch.Prove]
)

var stateNames = [...]string{"calm", "growing", "leaking", "proven"}

// String returns 'calm', 'growing', 'leaking' or 'proven'.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// Site is where goroutines wait, as a [Watch] has seen it over time.
type Site struct {
	Key
	Count int64
	// Grown is by how many more they have become since Since, when the growth
	// began, on the clock of [Watch.Observe]; both 0 while the site is calm.
	Grown int64
	Since time.Duration
	// Standing is for how long the count has not been below what it is now: of
	// a site that grows since the last that came, of one that is full for long.
	Standing time.Duration
	State    State
	// Reason says in words why the state is what it is.
	Reason string
}

// compare orders keys by what is read first.
func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Function, other.Function), cmp.Compare(k.Line, other.Line),
		cmp.Compare(k.Wait, other.Wait), cmp.Compare(k.Root, other.Root), cmp.Compare(k.File, other.File))
}
