package guard

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// loop takes the readings and makes the decisions. Only its goroutine uses its fields;
// after that has ended, only the holder of after. It calls no code of the program: log
// lines, events and calls of OnPressure go through queues or other goroutines. Other
// goroutines use its inbox, and read what it publishes.
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
	words    []func() // log lines and events for the end of the step

	// The state of the process.
	observer
	reading incident.Reading
	history *history
	census  censusWatch
	cache   cacheWatch

	// The decisions and their results.
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

// wait waits until it is time for a look, and meanwhile runs the functions in the
// inbox. It returns false when the guard is being closed.
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
			// A function in the inbox causes no reading, so that a dashboard does not
			// change the sampling.
			for _, f := range l.inbox.take() {
				l.step(f)
			}
		case <-l.closing:
			return false
		}
	}
}

// step runs f on the loop, publishes the state, and then sends what f put off.
func (l *loop) step(f func()) {
	l.guarded(f)
	l.guarded(l.publish)
	l.guarded(l.say)
}

// guarded runs f and recovers a panic, which is counted and logged once.
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
	l.saySoft()
	for _, a := range l.watch.step(&l.view) {
		l.act(a)
	}
	l.watchCache()
	l.watchPressure()
	l.takeBaseline()
	l.takeCensus()
	l.takeCreators()
	l.explain()
	l.tellDeaths()

	p := nextPace(&l.view, l.cfg.Interval, cores, l.clock != nil)
	l.timer.Reset(p.wall)
	if l.clock != nil {
		if err := l.clock.Arm(p.cpu); err != nil && l.once.first("clock") {
			l.log.Warn("leakguard: the CPU clock failed; polling instead", "error", err)
		}
	}
}

// later runs f at the end of the step, when captures have begun and Snapshot shows the
// new state.
func (l *loop) later(f func()) { l.words = append(l.words, f) }

// say runs the functions that were put off.
func (l *loop) say() {
	if len(l.words) == 0 {
		return
	}
	// A capture may have begun. If all processors are busy, let it run on this one
	// first.
	runtime.Gosched()
	words := l.words
	l.words = nil // first, so that none is repeated after a panic
	for _, f := range words {
		f()
	}
}
