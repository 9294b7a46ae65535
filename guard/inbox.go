package guard

import (
	"context"
	"sync"
	"sync/atomic"
)

// inbox is what others have to tell the loop, as functions that its goroutine runs
// in their order. Posting never blocks: a job of the guard's own posts what became
// of it and goes on, however long the loop is held up. It stays short, because
// each job posts a few times at most, and of the callers of the guard's methods
// only one at a time has a function in it.
type inbox struct {
	wake   chan struct{} // holds a token while there is something
	asking chan struct{} // holds a token unless a caller's function is in it

	mu    sync.Mutex
	queue []func()
	ended bool
}

func newInbox() *inbox {
	b := &inbox{wake: make(chan struct{}, 1), asking: make(chan struct{}, 1)}
	b.asking <- struct{}{}
	return b
}

// post adds a function; ok is false where the loop has ended.
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

// take returns what there is.
func (b *inbox) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queue
	b.queue = nil
	return list
}

// end returns what there is, and has post refuse anything more.
func (b *inbox) end() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.queue
	b.queue, b.ended = nil, true
	return list
}

// post has f run by the loop's goroutine, or by this one once the loop has ended.
// It must not be called by what the loop runs.
func (l *loop) post(f func()) {
	if l.inbox.post(f) {
		return
	}
	<-l.finished
	l.after.Lock()
	defer l.after.Unlock()
	l.step(f)
}

// ask has a caller's f run like a job's, and waits for that. It reports false when
// ctx is done first; f is then not run unless it has begun. The loop does not touch
// ctx, which may be of a type of the program's.
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
