package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Close stops the guard. It waits up to CloseTimeout until the guard's goroutines have
// ended and its files are closed. A running capture is finished first, but its CPU
// profile is cut short. The sinks' contexts are cancelled; events that they have not
// accepted are offered after the next Start. Queued log lines are written.
//
// If something has not ended in time, Close returns an error that names it. Further
// calls wait for the first one and return its result. On a nil Guard, Close returns
// nil.
//
// A sink or a log handler may call Close, but then Close waits for its own caller: it
// returns after CloseTimeout with an error that names it. OnPressure may call Close
// without waiting.
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

	// If something does not end in time, this goroutine goes on waiting for it and
	// closes the files then.
	ended, sinksEnded, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		err := g.end()
		close(ended)
		<-sinksEnded // deliveries are recorded until then
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

// ending names what Close is waiting for.
type ending struct{ now atomic.Value }

func (e *ending) wait(what string, f func()) {
	e.now.Store(what)
	f()
}

func (e *ending) what() string {
	what, _ := e.now.Load().(string)
	return what
}

// end waits for everything except the sinks and the log, and closes what they used.
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
	g.ending.wait("the work on earlier processes' incidents", k.slow.wait)
	errs = append(errs, l.recorder.close())
	k.close()
	return errors.Join(errs...)
}
