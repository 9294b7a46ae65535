package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/internal/words"
)

// Sink receives events.
type Sink interface {
	Name() string
	// Deliver returns nil if the event is accepted.
	Deliver(ctx context.Context, o Offer) error
}

// Disk stores events with their incidents. Its methods are called by one goroutine.
type Disk interface {
	// Read returns the stored events of an incident, and a function that restores their
	// payloads.
	Read(incident string) (store.Delivery, Restore, error)
	// Write adds events and acceptances to the stored ones of an incident. If the incident
	// has no folder, the error is [fs.ErrNotExist].
	Write(incident string, d store.Delivery) error
}

// Observer is notified of the results of deliveries. Its methods may be called concurrently,
// and are never called while a lock is held.
type Observer interface {
	Delivered(sink string, o Offer)
	// Failed is called when a delivery has ended with an error, which is a [*PanicError]
	// if the sink panicked. late says that Overdue was called for it.
	Failed(sink string, o Offer, err error, late bool)
	// Overdue is called when a sink has not returned after the timeout. Delivered or Failed
	// follows when it returns.
	Overdue(sink string, o Offer, err error)
	// Dropped is called with the number of events that will not be delivered, counted per
	// sink.
	Dropped(n int)
	// DiskFailed is called when an incident's events could not be read or written.
	DiskFailed(incident string, err error)
}

// PanicError is the panic of a sink.
type PanicError struct {
	Sink string
	Text string // of what it panicked with
}

func (e *PanicError) Error() string { return fmt.Sprintf("sink %s panicked: %s", e.Sink, e.Text) }

// ErrExited is the error of a sink that called [runtime.Goexit].
var ErrExited = errors.New("the sink called runtime.Goexit")

// Config configures a Box.
type Config struct {
	Sinks    []Sink
	Disk     Disk // nil: events are kept in memory only
	Observer Observer
	Timeout  time.Duration // of one delivery
	Most     int           // events in memory
}

// Box delivers events.
type Box struct {
	cfg    Config
	names  []string // of the sinks; read only once, because Name is code of the program
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // the clerk may have something to do

	mu       sync.Mutex
	book     *Book
	finished bool          // no delivery begins any more, and the clerk ends when all is written
	clerk    bool          // the clerk is running
	atDisk   bool          // the clerk is reading or writing
	changed  chan struct{} // closed when a delivery or the clerk ends
}

// New starts a box, which runs until it is closed.
func New(cfg Config) *Box {
	b := &Box{cfg: cfg, wake: make(chan struct{}, 1), changed: make(chan struct{})}
	for _, s := range cfg.Sinks {
		b.names = append(b.names, s.Name())
	}
	b.book = NewBook(b.names, cfg.Disk != nil, cfg.Most)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if cfg.Disk != nil && len(b.names) > 0 {
		b.clerk = true
		go b.runClerk()
	}
	return b
}

// Post sends a new event to all sinks. It never blocks.
func (b *Box) Post(n News) { b.do(func() { b.book.Post(n) }) }

// Backlog offers the sinks the events of earlier processes' incidents that they have not
// accepted.
func (b *Box) Backlog(incidents ...string) { b.do(func() { b.book.Backlog(incidents...) }) }

// HasFolder records that an incident has a folder now.
func (b *Box) HasFolder(incident string) { b.do(func() { b.book.HasFolder(incident) }) }

// do changes the book and starts the work that results.
func (b *Box) do(change func()) {
	if len(b.cfg.Sinks) == 0 {
		return
	}
	b.mu.Lock()
	change()
	dropped := b.pump()
	b.mu.Unlock()
	if dropped > 0 {
		b.cfg.Observer.Dropped(dropped)
	}
}

// pump starts deliveries and wakes the clerk; mu is held.
func (b *Box) pump() (dropped int) {
	for i := range b.cfg.Sinks {
		if b.ctx.Err() != nil {
			break
		}
		if o, ok := b.book.Next(i); ok {
			go b.deliver(i, o)
		}
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return b.book.Dropped()
}

// deliver delivers one event to one sink. The sink is free again when the goroutine ends,
// even by a panic or runtime.Goexit.
func (b *Box) deliver(sink int, o Offer) {
	name := b.names[sink]
	err := ErrExited
	var late atomic.Bool
	defer b.do(func() {
		b.book.Done(sink, o, err == nil, time.Now())
		b.tell()
	})
	defer func() {
		if err != nil {
			b.cfg.Observer.Failed(name, o, err, late.Load())
		} else {
			b.cfg.Observer.Delivered(name, o)
		}
	}()
	ctx, cancel := context.WithTimeout(b.ctx, b.cfg.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			late.Store(true)
			b.cfg.Observer.Overdue(name, o, fmt.Errorf("sink %s has not returned after %v: %w", name, b.cfg.Timeout, err))
		}
	})
	defer stop()
	err = b.call(ctx, sink, o)
}

// call calls a sink. Its error has nothing of the sink's own: what the methods of a
// foreign error do, and how long they take, is the sink's doing, and ends here.
func (b *Box) call(ctx context.Context, sink int, o Offer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{b.names[sink], words.Foreign(p)}
		}
	}()
	if err := b.cfg.Sinks[sink].Deliver(ctx, o); err != nil {
		return errors.New(words.Foreign(err))
	}
	return nil
}

// Settled reports whether there is nothing to deliver, read or write.
func (b *Box) Settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.book.settled() && !b.atDisk
}

// tell wakes Close; mu is held.
func (b *Box) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// runClerk reads and writes for the book, until the box is closed and everything is written.
func (b *Box) runClerk() {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.clerk = false
		b.tell()
	}()
	for {
		b.mu.Lock()
		id, d, version, write := b.book.Unsaved()
		read := false
		if !write && b.ctx.Err() == nil {
			id, read = b.book.Unread()
		}
		b.atDisk = write || read
		finished := b.finished
		b.mu.Unlock()
		switch {
		case write:
			err := guarded(func() error { return b.cfg.Disk.Write(id, d) })
			b.do(func() { b.book.Saved(id, version, err) })
			b.diskFailed(id, err)
		case read:
			var restore Restore
			err := guarded(func() (err error) { d, restore, err = b.cfg.Disk.Read(id); return err })
			b.do(func() { b.book.Read(id, d, restore, err) })
			b.diskFailed(id, err)
		case finished:
			return
		default:
			<-b.wake
		}
	}
}

func (b *Box) diskFailed(id string, err error) {
	if err != nil {
		b.cfg.Observer.DiskFailed(id, err)
	}
}

// guarded calls f and converts a panic to an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// Cancel cancels the context of the sinks. No delivery begins after that.
func (b *Box) Cancel() { b.cancel() }

// clerkGrace is how long Close waits for the clerk if ctx is already done, because the clerk
// may be about to end.
const clerkGrace = 100 * time.Millisecond

// Close waits until every sink has returned and the acceptances are on disk, or until ctx is
// done. The errors name what has not ended.
func (b *Box) Close(ctx context.Context) (errs []error) {
	b.cancel()
	b.await(ctx, func() bool {
		errs = nil
		for i, name := range b.names {
			if b.book.Busy(i) {
				errs = append(errs, fmt.Errorf("sink %s has not returned", name))
			}
		}
		return len(errs) == 0
	})
	b.mu.Lock()
	b.finished = true
	b.book.Retry()
	b.pump()
	b.mu.Unlock()
	late, cancel := context.WithTimeout(context.Background(), clerkGrace)
	defer cancel()
	ended := func() bool { return !b.clerk }
	if !b.await(ctx, ended) && !b.await(late, ended) {
		errs = append(errs, errors.New("the record of deliveries has not been written to disk"))
	}
	return errs
}

// await waits until holds returns true or ctx is done. holds is called with mu held.
func (b *Box) await(ctx context.Context, holds func() bool) bool {
	for {
		b.mu.Lock()
		done, changed := holds(), b.changed
		b.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
