package guard

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// loop takes the readings and owns all that is decided from them. Only its
// goroutine touches that, and once it has ended whoever holds after. It calls no
// code of the program: what is logged, and what sinks and OnPressure are told, is
// put into queues. Others reach it by its inbox, and read what it publishes.
type loop struct {
	ctx      context.Context // of captures; done when the guard is closed
	cfg      Config
	log      *slog.Logger
	source   *source
	keeper   *keeper
	sinks    *dispatcher
	recorder *recorder // the black box; nil: none
	counters *counters
	once     *onces
	build    incident.Build
	process  incident.Process
	started  time.Time // with the monotonic clock

	wakers
	inbox    *inbox
	closing  chan struct{}
	finished chan struct{}
	after    sync.Mutex
	words    []func() // to be said once the evidence is under way

	// What it knows of the process.
	observer
	reading incident.Reading
	history *history
	census  censusWatch
	cache   cacheWatch

	// What it decides, and what becomes of that.
	watch *watch
	incidents
	baselines    baselines
	explanations explanations
	deaths
	pressure pressure

	board board
}

// run is the loop's goroutine. The first look has been taken.
func (l *loop) run() {
	defer close(l.finished)
	for l.wait() {
		l.step(l.look)
	}
	for _, f := range l.inbox.end() {
		l.step(f)
	}
}

// wait waits until it is time to look, and meanwhile does what the inbox has. It
// reports false once the guard is being closed.
func (l *loop) wait() bool {
	for {
		select {
		case <-l.timer.C:
			return true
		case <-l.gcEnd.C:
			return true
		case <-l.clockC:
			return true
		case <-l.signal:
			l.step(func() { l.captureManual(l.ctx, incident.TriggerSignal, "signal received", nil, nil) })
			return true
		case <-l.inbox.wake:
			// That somebody has told or asked something is no reason to look: a
			// dashboard must not change how the guard samples.
			for _, f := range l.inbox.take() {
				l.step(f)
			}
		case <-l.closing:
			return false
		}
	}
}

// step does one thing on the loop. Whoever hears of it finds it published.
func (l *loop) step(f func()) {
	l.guarded(f)
	l.guarded(l.publish)
	l.guarded(l.say)
}

// guarded keeps a panic from the host: it is counted, logged once, and the loop
// goes on.
func (l *loop) guarded(f func()) { l.keeper.guarded(f) }

// look takes a reading, decides, and sets the time of the next look.
func (l *loop) look() {
	// Set first, so that a panic below does not end the sampling.
	l.timer.Reset(l.cfg.Interval)
	now := time.Now()
	l.source.read(now, &l.reading)
	l.recorder.sample(&l.reading)
	l.counters.readings.Add(1)
	l.history.add(&l.reading)
	cores := l.observe(now.Sub(l.started), &l.reading, &l.source.limits, l.source.used, l.keeper.GCTime(), l.watch.calm())
	l.keeper.stands(&l.view, &l.reading)
	for _, a := range l.watch.step(&l.view) {
		l.act(a)
	}
	l.watchCache()
	l.watchPressure()
	l.takeBaseline()
	l.takeCensus()
	l.explain()
	l.tellDeaths()

	p := nextPace(&l.view, l.cfg.Interval, cores, l.clock != nil)
	l.timer.Reset(p.wall)
	if l.clock != nil {
		if err := l.clock.Arm(p.cpu); err != nil && l.once.first("clock") {
			l.log.Warn("leakguard: the CPU clock failed, polling instead", "error", err)
		}
	}
}

// later has something said or sent at the end of the step, when the evidence is
// under way and what is said can be read from a Snapshot.
func (l *loop) later(f func()) { l.words = append(l.words, f) }

// say says what was put off.
func (l *loop) say() {
	if len(l.words) == 0 {
		return
	}
	// A capture may have begun: where all processors are taken it runs on this
	// one, now.
	runtime.Gosched()
	words := l.words
	l.words = nil // also when one of them panics: it is not to be said again
	for _, f := range words {
		f()
	}
}
