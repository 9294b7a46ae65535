package guard

import (
	"context"
	"sync"
	"sync/atomic"
)

// inbox holds functions from other goroutines that the loop's goroutine runs in order.
// Posting never blocks, so the guard's own jobs can post their results however busy the
// loop is. The inbox stays short: each job posts only a few times, and only one caller
// of the guard's methods at a time has a function in it.
type inbox struct {
	wake   chan struct{} // holds a token while the queue is not empty
	asking chan struct{} // holds a token unless a caller's function is in the queue

	mu    sync.Mutex
	queue []func()
	ended bool
}

func newInbox() *inbox {
	b := &inbox{wake: make(chan struct{}, 1), asking: make(chan struct{}, 1)}
	b.asking <- struct{}{}
	return b
}

// post adds a function. ok is false if the loop has ended.
func (b *inbox) post(f func()) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.queue = append(b.queue, f)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// take empties the queue and returns its functions.
func (b *inbox) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queue
	b.queue = nil
	return list
}

// end is take, after which post adds nothing more.
func (b *inbox) end() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queue
	b.queue, b.ended = nil, true
	return list
}

// post makes the loop's goroutine run f, or runs it here if the loop has ended. It must
// not be called from the loop's goroutine.
func (l *loop) post(f func()) {
	if l.inbox.post(f) {
		return
	}
	<-l.finished
	l.after.Lock()
	defer l.after.Unlock()
	l.step(f)
}

// ask makes the loop run a caller's f and waits for it. It returns false if ctx is done
// first; then f is not run unless it has begun. The loop does not use ctx, whose type
// may belong to the program.
func (l *loop) ask(ctx context.Context, f func()) bool {
	select {
	case <-l.inbox.asking:
	case <-ctx.Done():
		return false
	}
	done := make(chan struct{})
	ran := false // read once done is closed
	var gaveUp atomic.Bool
	l.post(func() {
		defer func() {
			l.inbox.asking <- struct{}{}
			close(done)
		}()
		if !gaveUp.Load() {
			ran = true
			f()
		}
	})
	select {
	case <-done:
		return ran
	case <-ctx.Done():
		gaveUp.Store(true)
		return false
	}
}
