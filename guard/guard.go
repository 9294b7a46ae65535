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
	// ErrBusy is returned by Capture while a capture is running.
	ErrBusy = errors.New("guard: a capture is running")
	// ErrClosed is returned by Capture on a guard that is closed, or nil.
	ErrClosed = errors.New("guard: closed")
)

// Guard watches the process it lives in. Its methods may be called from any
// goroutine, and on a nil Guard, where they do nothing. Code that the guard calls,
// such as a sink, may call them too.
type Guard struct {
	loop    *loop
	keeper  *keeper
	sinks   *dispatcher
	logs    *logqueue.Queue
	timeout time.Duration

	ctx       context.Context // done when Close begins
	cancel    context.CancelFunc
	closing   chan struct{} // closed by the first Close
	closeOnce chan struct{} // holds a token until then
	closed    chan struct{} // closed when Close is through
	closeErr  error
	ending    ending
}

// takeUp goes on with what earlier processes left: it is told what they died of, and
// their evidence is offered to the sinks where they have not accepted it, and
// explained where it is not.
func (g *Guard) takeUp(store *store.Store, at postmortem.Here) {
	cfg := &g.loop.cfg
	if len(cfg.Sinks) == 0 && cfg.NoReports && cfg.NoBlackBox {
		return
	}
	incidents, err := store.Incidents()
	if err != nil {
		g.loop.log.Warn("leakguard: earlier incidents could not be listed, nothing of them is offered again or explained", "error", err)
		return
	}
	incidents = slices.DeleteFunc(incidents, g.loop.isOurs)
	var list []explanation
	if !cfg.NoReports {
		list = g.keeper.unexplained(incidents)
		for _, e := range list {
			g.sinks.reports.expect(e.id) // before a sink is told of it
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

// isOurs reports whether an incident is of this guard: evidence is taken from the
// first reading on, while what earlier processes left is still being looked through.
func (l *loop) isOurs(m incident.Manifest) bool {
	if m.CutShort { // or its manifest is still to be written
		return !m.Opened.Before(l.started.Truncate(time.Millisecond))
	}
	return m.Process.PID == l.process.PID && m.Process.Host == l.process.Host && m.Process.Started.Equal(l.process.Started)
}

// inLoop runs f in the loop's goroutine, or here when that has ended. It reports
// false when ctx is done first.
func (g *Guard) inLoop(ctx context.Context, f func()) bool { return g.loop.ask(ctx, f) }

// Store returns a read-only view of the incidents. It is nil if the guard runs without a
// disk, or is nil itself.
func (g *Guard) Store() *incident.Store {
	if g == nil || g.keeper.store == nil {
		return nil
	}
	return g.keeper.store.Reader()
}

// History returns the readings taken at or after since, oldest first: all of
// the last 512, and one a minute for ten hours before those. It does not wait for
// the guard, whatever that is doing.
func (g *Guard) History(since time.Time) []incident.Reading {
	if g == nil {
		return nil
	}
	return g.loop.history.since(since)
}

// Capture takes profiles now, as an incident of its own with trigger 'manual':
// heap and goroutine, or the given kinds. It returns when they are on disk, and
// then the incident says where. It is not subject to the rules' cooldowns.
//
// One Capture runs at a time, and none while a rule's evidence of memory or
// goroutines is being taken: then the error is ErrBusy. An error that
// comes with an incident's folder says what of the evidence was lost. When ctx
// ends, a CPU profile is cut short and what it has is kept; Capture itself
// returns ctx's error at once, and the capture goes on without it.
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
	// The caller's context may be of a type whose methods panic, in this goroutine.
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
