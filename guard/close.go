package guard

import (
	"context"
	"errors"
	"fmt"
)

// Close stops the guard and waits until its goroutines have ended and its
// descriptors are closed, for CloseTimeout at most. A capture that is running is
// finished first; sinks get their context cancelled, and what they have not
// accepted is offered after the next Start. The error names what did not end in
// time. Further calls wait for the first and return what it returned.
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
	select {
	case <-ended:
	case <-ctx.Done():
	}
	for _, err := range g.sinks.close(ctx) {
		errs = append(errs, fmt.Errorf("guard: close: %w after %v", err, g.timeout))
	}
	close(sinksEnded)
	select {
	case <-ended:
		errs = append(errs, <-released)
	default:
		what := "a capture"
		select {
		case <-g.loop.finished:
		default:
			what = "the sampling"
		}
		if g.keeper.looking.Load() {
			what = "the search for dead processes"
		}
		errs = append(errs, fmt.Errorf("guard: close: %s has not ended after %v", what, g.timeout))
	}
	return errors.Join(errs...)
}

// end waits for the loop and the keeper and releases what they used.
func (g *Guard) end() error {
	l := g.loop
	<-l.finished
	l.recorder.leave()
	l.timer.Stop()
	l.gcEnd.Stop()
	stopSignal(l.signal)
	var errs []error
	if l.clock != nil {
		errs = append(errs, l.clock.Close())
	}
	errs = append(errs, l.source.close())
	l.explainers.Wait()
	l.closePressure()
	g.drainExplanation()
	g.finishOpen()
	close(g.keeper.jobs)
	<-g.keeper.stopped
	g.drainResults()
	return errors.Join(append(errs, l.recorder.close())...)
}

// drainExplanation has a report written that was ready when the loop ended. What
// waits for an explanation gets it from the next Start.
func (g *Guard) drainExplanation() {
	g.after.Lock()
	defer g.after.Unlock()
	select {
	case done := <-g.loop.explanations:
		g.loop.explained(done)
	default:
	}
}

// finishOpen has the manifests of open incidents written a last time. They stay
// open there: that the process ended is no recovery.
func (g *Guard) finishOpen() {
	g.after.Lock()
	defer g.after.Unlock()
	for _, i := range g.loop.open {
		if i == nil {
			continue
		}
		i.decide("the guard was closed while the incident was open")
		if !i.capturing {
			m := i.snapshotManifest()
			g.keeper.do(func() { g.keeper.finish(m) })
		}
	}
}

// drainResults books captures that ended after the loop had.
func (g *Guard) drainResults() {
	g.after.Lock()
	defer g.after.Unlock()
	for {
		select {
		case res := <-g.loop.results:
			if m := g.loop.manual; m != nil && m.ID == res.id && g.loop.reply != nil {
				m.Folder, m.Artefacts = res.folder, res.artefacts
				g.loop.reply <- captureReply{incident: m.Incident, err: res.err}
			}
			if res.kinds != 0 {
				g.loop.counters.captures.Add(1)
			} else if !res.refuted {
				g.loop.counters.failedCaptures.Add(1)
			}
		case done := <-g.loop.reports:
			g.loop.reported(done)
		default:
			return
		}
	}
}
