package census

import (
	"cmp"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// Key identifies a site: goroutines with the same Key are counted together.
type Key struct {
	// Wait is what they wait for, in the runtime's words, such as 'chan receive',
	// 'select', 'sync.Mutex.Lock' or 'IO wait'. It is 'running' if they do not wait.
	Wait string
	// Function, File and Line are where they wait: the innermost frame of the user's
	// own code. If there is none, it is the innermost frame of a dependency, then of
	// the standard library.
	Function string
	File     string
	Line     int
	// Root is the function that they were started with, or "" if the stack is deeper
	// than the 32 frames that a census records.
	Root string
}

// Group is a site with the number of its goroutines.
type Group struct {
	Key
	Count int64
	// Forever reports whether what they wait for may never come: they wait on a
	// channel, select, lock, WaitGroup or Cond, not on a timer or I/O.
	Forever bool
}

// State classifies how a site's count changes.
type State int

// The states of a site, in order of severity.
const (
	Calm    State = iota // fluctuates, or stays level
	Growing              // rises, but too early or too unclear to call it a leak
	Leaking              // keeps rising, and almost none leave
	Proven               // proven by the garbage collector; see [Watch.Prove]
)

var stateNames = [...]string{"calm", "growing", "leaking", "proven"}

// String returns 'calm', 'growing', 'leaking' or 'proven'.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// Site is a place where goroutines wait, as a [Watch] has followed it over time.
type Site struct {
	Key
	Count int64
	// Grown is how many goroutines were added since Since, when the growth began, on
	// the clock of [Watch.Observe]. Both are 0 while the site is calm.
	Grown int64
	Since time.Duration
	// Standing is how long the count has not been below its current value. For a
	// growing site, that is the time since the last goroutine was added.
	Standing time.Duration
	State    State
	// Reason says why the site has its state.
	Reason string
	// CreatedBy is the function that starts its goroutines, and the line where it does,
	// as far as [Creators] knows.
	CreatedBy frames.Frame
}

// compare orders keys by function, then line, wait, root and file.
func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Function, other.Function), cmp.Compare(k.Line, other.Line),
		cmp.Compare(k.Wait, other.Wait), cmp.Compare(k.Root, other.Root), cmp.Compare(k.File, other.File))
}
