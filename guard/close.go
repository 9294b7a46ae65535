package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Close stops the guard and waits until its goroutines have ended and its
// descriptors are closed, for CloseTimeout at most. A capture that is running is
// finished first, its CPU profile cut short. Sinks get their context cancelled, and
// what they have not accepted is offered after the next Start. The log lines that
// are queued are written. The error names what did not end in time. Further calls
// wait for the first and return what it returned.
//
// Code that the guard calls may call Close. A sink or a log handler that does is
// itself what has not ended, and the error says so after CloseTimeout.
func (g *Guard) Close() error {
	if g == nil {
		return nil
	}
	select {
	case <-g.closeOnce:
		g.closeErr = g.close()
		close(g.closed)
	case <-g.closed:
	}
	<-g.closed
	return g.closeErr
}

func (g *Guard) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	close(g.closing)
	g.cancel()
	g.sinks.cancel()

	// What does not end in time is waited for in the background, so that its
	// descriptors are closed when it does.
	ended, sinksEnded, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		err := g.end()
		close(ended)
		<-sinksEnded // until then deliveries are recorded
		if g.keeper.store != nil {
			err = errors.Join(err, g.keeper.store.Close())
		}
		released <- err
	}()
	var errs []error
	stuck := func(what any) { errs = append(errs, fmt.Errorf("guard: close: %v after %v", what, g.timeout)) }
	select {
	case <-ended:
	case <-ctx.Done():
	}
	for _, err := range g.sinks.close(ctx) {
		stuck(err)
	}
	close(sinksEnded)
	select {
	case <-ended:
		errs = append(errs, <-released)
	default:
		stuck(g.ending.what() + " has not ended")
	}
	if err := g.logs.Close(ctx); err != nil {
		stuck(err)
	}
	return errors.Join(errs...)
}

// ending says what Close waits for.
type ending struct{ now atomic.Value }

func (e *ending) wait(what string, f func()) {
	e.now.Store(what)
	f()
}

func (e *ending) what() string {
	what, _ := e.now.Load().(string)
	return what
}

// end waits for all but the sinks and the log, and releases what it used.
func (g *Guard) end() error {
	l, k := g.loop, g.keeper
	g.ending.wait("the sampling", func() { <-l.finished })
	errs := []error{l.wakers.close(), l.source.close()}
	l.after.Lock()
	l.recorder.leave()
	l.step(l.leaveOpen)
	l.after.Unlock()
	g.ending.wait("a capture", k.Wait)
	g.ending.wait("a forced GC or relief", l.closePressure)
	g.ending.wait("an explanation", l.explanations.workers.Wait)
	g.ending.wait("a baseline or a census", k.surveys.wait)
	g.ending.wait("writing a report or a manifest", k.records.wait)
	g.sinks.reports.end()
	g.ending.wait("reading what earlier processes left", k.slow.wait)
	errs = append(errs, l.recorder.close())
	k.close()
	return errors.Join(errs...)
}
