// Package gcend tells when a garbage collection cycle has ended.
//
// An object that nothing refers to has a cleanup ([runtime.AddCleanup]); when a
// cycle finds it dead, the cleanup puts a token into a channel and makes the
// next such object. A cleanup rather than a finalizer: one finalizer of the
// host that blocks stops all finalizers of the process, cleanups run in several
// goroutines.
//
// A heap that doubles is so seen at each doubling without a timer. The cost is
// an allocation of 16 bytes a cycle.
package gcend

import (
	"runtime"
	"sync/atomic"
)

// Notifier puts a token into C after each cycle.
type Notifier struct {
	// C has room for one token: cycles that end faster than the owner looks
	// are one wake.
	C <-chan struct{}

	state *state
}

type state struct {
	c       chan struct{}
	stopped atomic.Bool
}

// sentinel holds a pointer, so that the allocator gives it a slot of its own
// instead of packing it with other small objects that may live on.
type sentinel struct{ _ *sentinel }

// Notify starts to watch.
func Notify() *Notifier {
	s := &state{c: make(chan struct{}, 1)}
	s.arm()
	return &Notifier{C: s.c, state: s}
}

// Stop ends the watching. It is idempotent; the last sentinel dies unnoticed.
func (n *Notifier) Stop() { n.state.stopped.Store(true) }

func (s *state) arm() {
	runtime.AddCleanup(new(sentinel), (*state).cycleEnded, s)
}

func (s *state) cycleEnded() {
	if s.stopped.Load() {
		return
	}
	// First the next sentinel: whoever takes the token may start a cycle at
	// once, and that one is to be seen too.
	s.arm()
	select {
	case s.c <- struct{}{}:
	default:
	}
}
