package guardhttp

import (
	"sync"
	"time"
)

// slots bounds how many of a kind are under way. Nobody waits for one: a queue is
// memory, too.
type slots chan struct{}

// take returns ok and what gives the place back, or that there is none.
func (s slots) take() (release func(), ok bool) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, true
	default:
		return nil, false
	}
}

// pace lets one thing happen at a time, and the next not before some time after
// the end of the last.
type pace struct {
	every time.Duration

	mu   sync.Mutex
	busy bool
	next time.Time
}

// begin reports whether it may begin, and if not, after how long to ask again.
func (p *pace) begin(now time.Time) (ok bool, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.busy:
		return false, p.every
	case now.Before(p.next):
		return false, p.next.Sub(now)
	}
	p.busy = true
	return true, 0
}

// end is to be called when it is over.
func (p *pace) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy, p.next = false, now.Add(p.every)
}
