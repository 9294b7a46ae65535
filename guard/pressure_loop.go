package guard

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// pressure is the loop's state of pressure. Other goroutines may use only now, wanted,
// calling and watchers.
type pressure struct {
	policy   pressurePolicy
	now      atomic.Pointer[Pressure] // nil: none
	wanted   atomic.Bool              // the program uses pressure
	watchers pressureWatchers
	calling  atomic.Bool // OnPressure is running

	last     Pressure
	ended    time.Time
	episodes int64
	end      context.CancelFunc // ends the current episode

	judging bool // a requested GC is running
	helpers sync.WaitGroup
}

// present returns the current episode, or nil. Calling it marks pressure as used.
func (p *pressure) present() *Pressure {
	if !p.wanted.Load() {
		p.wanted.Store(true)
	}
	return p.now.Load()
}

// pressureWatchers are the contexts that the next episode cancels.
type pressureWatchers struct {
	mu  sync.Mutex
	set map[*pressureWatcher]struct{}
}

type pressureWatcher struct{ cancel context.CancelCauseFunc }

func (w *pressureWatchers) add(ctx context.Context, cancel context.CancelCauseFunc, present func() *Pressure) {
	entry := &pressureWatcher{cancel}
	w.mu.Lock()
	if w.set == nil {
		w.set = make(map[*pressureWatcher]struct{})
	}
	w.set[entry] = struct{}{}
	w.mu.Unlock()
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		delete(w.set, entry)
		w.mu.Unlock()
	})
	// Check after adding, so that an episode that begins meanwhile is not missed.
	if p := present(); p != nil {
		cancel(p.cause())
	}
}

// tell cancels the contexts on its own goroutine, because cancelling a context may
// call methods of its parent, which may be a type of the program. If such a method
// panics or calls runtime.Goexit, the other contexts are still cancelled.
func (w *pressureWatchers) tell(p *Pressure, guarded func(f func())) {
	w.mu.Lock()
	told := w.set
	w.set = nil
	w.mu.Unlock()
	var cancel func()
	cancel = func() {
		defer func() {
			if len(told) > 0 {
				go cancel()
			}
		}()
		for entry := range told {
			delete(told, entry)
			guarded(func() { entry.cancel(p.cause()) })
		}
	}
	if len(told) > 0 {
		go cancel()
	}
}

// watchPressure carries out the decision of the pressure policy for this reading.
func (l *loop) watchPressure() {
	p := &l.pressure
	mayAsk := p.wanted.Load() && l.view.canJudge && !p.judging
	switch move, d := p.policy.step(&l.view, mayAsk); move {
	case pressureAsks:
		p.judging = true
		// Not on the loop, because the duration of a GC grows with the heap.
		p.helpers.Go(func() {
			err := judgeByGC()
			l.post(func() { l.pressureJudged(err) })
		})
	case pressureBegins:
		l.beginPressure(d)
	case pressureEnds:
		l.endPressure()
	}
}

func (l *loop) beginPressure(d danger) {
	p := &l.pressure
	now := p.policy.pressure(&l.view, d, &l.reading)
	p.last, p.ended = *now, time.Time{}
	p.episodes++
	episode, end := context.WithCancel(l.ctx)
	p.end = end
	// At the end of the step, so that Snapshot already shows the episode.
	l.later(func() {
		p.now.Store(now)
		p.watchers.tell(now, l.guarded)
		if l.cfg.OnPressure != nil {
			l.callOnPressure(episode, now, d)
		}
		if l.cfg.Relief != (Relief{}) {
			p.helpers.Go(func() { l.guarded(func() { l.relieve(episode, now) }) })
		}
	})
	// For a program that does not use pressure, the incidents say the same.
	say := l.log.Debug
	if p.wanted.Load() {
		say = l.log.Warn
	}
	deadline := "unknown"
	if !now.Deadline.IsZero() {
		deadline = now.Deadline.UTC().Format(time.RFC3339Nano)
	}
	l.later(func() { say("leakguard: under pressure: "+now.Reason, "deadline", deadline) })
}

// callOnPressure calls Config.OnPressure on its own goroutine. Close does not wait for
// it, because OnPressure may call Close.
func (l *loop) callOnPressure(episode context.Context, p *Pressure, d danger) {
	if !l.pressure.calling.CompareAndSwap(false, true) {
		l.log.Warn("leakguard: OnPressure was not called for this episode because it has not returned from an earlier one")
		return
	}
	ctx, cancel := episode, context.CancelFunc(func() {})
	if d.left >= 0 {
		ctx, cancel = context.WithTimeout(episode, d.left)
	}
	go l.guarded(func() {
		defer l.pressure.calling.Store(false)
		defer cancel()
		l.cfg.OnPressure(ctx, *p)
	})
}

func (l *loop) endPressure() {
	p := &l.pressure
	p.ended = l.reading.Time
	end := p.end
	l.later(func() { p.now.Store(nil); end() })
	say, why, live := l.log.Debug, p.policy.decision, profile.Bytes(l.view.heap.settled)
	if p.wanted.Load() {
		say = l.log.Info
	}
	after := p.ended.Sub(p.last.Began).Round(time.Millisecond)
	l.later(func() { say("leakguard: "+why, "after", after.String(), "live", live.String()) })
}

// pressureJudged notes that the requested GC has ended. The end of a cycle wakes the
// loop, and its next look evaluates the result.
func (l *loop) pressureJudged(err error) {
	l.pressure.judging = false
	if err != nil { // the other guard's GC, or a later one, will answer
		l.pressure.policy.lost(time.Since(l.started))
	}
}

// closePressure waits for the goroutines that episodes started, except OnPressure. The
// loop's context has ended, and so has every episode.
func (l *loop) closePressure() {
	l.pressure.helpers.Wait()
	if l.pressure.end != nil {
		l.pressure.end()
	}
}

// pressureState returns the state of pressure for the board.
func (l *loop) pressureState() PressureState {
	p := &l.pressure
	return PressureState{
		Under: p.policy.begun, Last: p.last, Ended: p.ended, Episodes: p.episodes,
		Decision: p.policy.decision, DecidedAgo: p.policy.decidedAt,
	}
}
