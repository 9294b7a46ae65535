package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/guard/internal/logqueue"
	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

var (
	// ErrBusy is returned by Capture while another capture is running.
	ErrBusy = errors.New("guard: a capture is running")
	// ErrClosed is returned by Capture on a closed or nil guard.
	ErrClosed = errors.New("guard: closed")
)

// A Guard watches the process it runs in. Its methods are safe for concurrent use.
// Code that the guard calls, such as a sink, may call them. On a nil Guard they do
// nothing.
type Guard struct {
	loop    *loop
	keeper  *keeper
	sinks   *dispatcher
	logs    *logqueue.Queue
	timeout time.Duration

	ctx       context.Context // done when Close begins
	cancel    context.CancelFunc
	closing   chan struct{} // closed by the first Close
	closeOnce chan struct{} // holds a token until the first Close takes it
	closed    chan struct{} // closed when Close has finished
	closeErr  error
	ending    ending
}

// takeUp finishes the work of earlier processes: it looks for deaths to report,
// offers the sinks the events that they have not accepted, and queues incidents
// that have no report for explanation.
func (g *Guard) takeUp(store *store.Store, at postmortem.Here) {
	cfg := &g.loop.cfg
	if len(cfg.Sinks) == 0 && cfg.NoReports && cfg.NoBlackBox {
		return
	}
	incidents, err := store.Incidents()
	if err != nil {
		g.loop.log.Warn("leakguard: earlier incidents could not be listed; they will not be redelivered or explained", "error", err)
		return
	}
	incidents = slices.DeleteFunc(incidents, g.loop.isOurs)
	var list []explanation
	if !cfg.NoReports {
		list = g.keeper.unexplained(incidents)
		for _, e := range list {
			g.sinks.reports.expect(e.id) // before a sink receives an event of it
		}
	}
	g.sinks.redeliver(g.ctx, store, incidents)
	if !cfg.NoBlackBox {
		g.loop.lookForDeaths(at, incidents)
	}
	if len(list) > 0 {
		g.loop.post(func() { g.loop.explanations.waiting = append(g.loop.explanations.waiting, list...) })
	}
}

// isOurs reports whether an incident belongs to this guard. There may be some
// already, because the guard captures evidence while takeUp is running.
func (l *loop) isOurs(m incident.Manifest) bool {
	if m.CutShort { // or its manifest has not been written yet
		return !m.Opened.Before(l.started.Truncate(time.Millisecond))
	}
	return m.Process.PID == l.process.PID && m.Process.Host == l.process.Host && m.Process.Started.Equal(l.process.Started)
}

// inLoop runs f on the loop's goroutine, or on the caller's if the loop has ended. It
// returns false if ctx is done first.
func (g *Guard) inLoop(ctx context.Context, f func()) bool { return g.loop.ask(ctx, f) }

// Store returns a read-only view of the incidents on disk. It returns nil if the
// guard runs without a disk or is nil.
func (g *Guard) Store() *incident.Store {
	if g == nil || g.keeper.store == nil {
		return nil
	}
	return g.keeper.store.Reader()
}

// History returns the readings taken at or after since, oldest first. The guard
// keeps the last 512 readings, and one a minute for the ten hours before them.
// History never waits for the guard. It returns nil on a nil Guard.
func (g *Guard) History(since time.Time) []incident.Reading {
	if g == nil {
		return nil
	}
	return g.loop.history.since(since)
}

// Capture captures profiles now and returns when they are on disk. Without kinds it
// captures a heap and a goroutine profile. The result is an incident of its own with
// trigger 'manual', whose Folder has the files. Cooldowns and the budget of the rules
// do not apply.
//
// Capture returns [ErrBusy] if another Capture is running or if a rule is capturing
// evidence of memory or goroutines, and [ErrClosed] if g is closed or nil. If the
// error is not nil and the incident has a Folder, part of the evidence was lost and
// the error says which.
//
// If ctx ends, Capture returns its error at once. The capture goes on in the
// background, but a CPU profile is cut short and saved as it is.
func (g *Guard) Capture(ctx context.Context, reason string, kinds ...profile.Kind) (Incident, error) {
	if g == nil {
		return Incident{}, ErrClosed
	}
	for _, k := range kinds {
		if _, err := k.MarshalText(); err != nil {
			return Incident{}, fmt.Errorf("guard: capture: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return Incident{}, fmt.Errorf("guard: capture: %w", err)
	}
	// The capture ends with the caller's context, or with the guard.
	run, cancel := context.WithCancel(ctx)
	// The type of the caller's context may have methods that panic.
	stop := context.AfterFunc(g.ctx, func() { g.loop.guarded(cancel) })
	reply := make(chan captureReply, 1)
	asked := g.inLoop(ctx, func() {
		select {
		case <-g.closing:
			reply <- captureReply{err: ErrClosed}
		default:
			g.loop.captureManual(run, incident.TriggerManual, reason, kinds, reply)
		}
	})
	release := func() { stop(); cancel() }
	if !asked {
		release()
		return Incident{}, fmt.Errorf("guard: capture: %w", ctx.Err())
	}
	select {
	case r := <-reply:
		release()
		return r.incident, r.err
	case <-ctx.Done():
		release()
		return Incident{}, fmt.Errorf("guard: capture: %w", ctx.Err())
	case <-g.closed:
		release()
		select {
		case r := <-reply:
			return r.incident, r.err
		default:
			return Incident{}, ErrClosed
		}
	}
}
