package guardhttp

import (
	"sync"
	"time"
)

// slots limits the number of concurrent requests of one kind. Requests never wait for a
// slot, because a queue would use memory, too.
type slots chan struct{}

// take takes a slot, if there is a free one. release gives it back.
func (s slots) take() (release func(), ok bool) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, true
	default:
		return nil, false
	}
}

// pace allows one operation at a time, with a pause between the end of one and the start
// of the next.
type pace struct {
	every time.Duration

	mu   sync.Mutex
	busy bool
	next time.Time
}

// begin reports whether the operation may begin, and if not, when to try again.
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

// end must be called when the operation has ended.
func (p *pace) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy, p.next = false, now.Add(p.every)
}
