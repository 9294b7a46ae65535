// Package gcend reports the end of each garbage collection cycle.
//
// An unreferenced object has a cleanup ([runtime.AddCleanup]). When a cycle finds
// the object dead, the cleanup puts a token into a channel and creates the next
// such object. It is a cleanup and not a finalizer because one blocked finalizer of
// the host stops all finalizers of the process. Cleanups run in several goroutines.
//
// A growing heap is thus noticed at each doubling without a timer. The cost is an
// allocation of 16 bytes per cycle.
package gcend

import (
	"runtime"
	"sync/atomic"
)

// Notifier puts a token into C after each cycle. Its methods may be called from any
// goroutine.
type Notifier struct {
	// C holds one token. Cycles that end before the owner takes it share that token.
	C <-chan struct{}

	state *state
}

type state struct {
	c       chan struct{}
	stopped atomic.Bool
}

// sentinel contains a pointer, so that the allocator gives it a slot of its own. It
// would otherwise be packed together with other small objects, which may stay
// alive.
type sentinel struct{ _ *sentinel }

// Notify returns a notifier that is running.
func Notify() *Notifier {
	s := &state{c: make(chan struct{}, 1)}
	s.arm()
	return &Notifier{C: s.c, state: s}
}

// Stop stops the notifier. It can be called more than once. It does not wait for a
// cycle that is ending.
func (n *Notifier) Stop() { n.state.stopped.Store(true) }

func (s *state) arm() {
	runtime.AddCleanup(new(sentinel), (*state).cycleEnded, s)
}

func (s *state) cycleEnded() {
	if s.stopped.Load() {
		return
	}
	// Create the next sentinel first: the receiver of the token may start a cycle at
	// once, and that cycle must be reported as well.
	s.arm()
	select {
	case s.c <- struct{}{}:
	default:
	}
}
