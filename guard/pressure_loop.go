package guard

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// pressure is what the loop does about pressure. Only now, wanted, calling and
// watchers are for other goroutines too.
type pressure struct {
	policy   pressurePolicy
	now      atomic.Pointer[Pressure] // nil: none
	wanted   atomic.Bool              // somebody listens, or has asked
	watchers pressureWatchers
	calling  atomic.Bool // OnPressure is running

	last     Pressure
	ended    time.Time
	episodes int64
	end      context.CancelFunc // of the episode under way

	judging bool // a GC that was asked for is under way
	helpers sync.WaitGroup
}

// present is the episode under way, or nil. Who asks is listening from then on.
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
	// After it was added: an episode that begins now finds it, or is found.
	if p := present(); p != nil {
		cancel(p.cause())
	}
}

// tell cancels the contexts, on a goroutine of its own: the parent of one may be of
// a type of the program's, whose methods are called when a child is cancelled.
// What that does, a panic or runtime.Goexit included, costs no other context.
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

// watchPressure does what the policy of pressure decides at this reading.
func (l *loop) watchPressure() {
	p := &l.pressure
	mayAsk := p.wanted.Load() && l.view.canJudge && !p.judging
	switch move, d := p.policy.step(&l.view, mayAsk); move {
	case pressureAsks:
		p.judging = true
		// Not here: it takes as long as the heap is large.
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
	// At the end of the step: whoever hears of it finds it in a Snapshot.
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
	// Who does not listen to pressure hears of the same from incidents.
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

// callOnPressure calls the host on a goroutine of its own. Close does not wait
// for it, for it may call Close.
func (l *loop) callOnPressure(episode context.Context, p *Pressure, d danger) {
	if !l.pressure.calling.CompareAndSwap(false, true) {
		l.log.Warn("leakguard: OnPressure has not returned from an earlier episode, and is not called for this one")
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

// pressureJudged notes that a GC that was asked for has ended. The end of the cycle
// has the loop look, and that look sees what it found.
func (l *loop) pressureJudged(err error) {
	l.pressure.judging = false
	if err != nil { // the other guard's will tell, or else one of our own
		l.pressure.policy.lost(time.Since(l.started))
	}
}

// closePressure waits for what an episode started, but for OnPressure; the loop
// has ended, and with its context every episode.
func (l *loop) closePressure() {
	l.pressure.helpers.Wait()
	if l.pressure.end != nil {
		l.pressure.end()
	}
}

// pressureState is how pressure stands, for the board.
func (l *loop) pressureState() PressureState {
	p := &l.pressure
	return PressureState{
		Under: p.policy.begun, Last: p.last, Ended: p.ended, Episodes: p.episodes,
		Decision: p.policy.decision, DecidedAgo: p.policy.decidedAt,
	}
}
