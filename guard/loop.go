package guard

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/cpuclock"
	"github.com/leakguard/leakguard/internal/gcend"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// warmAfter is when the process counts as warmed up: its second baseline
	// is taken, and rules of growth compare with that state from then on.
	warmAfter = time.Minute
	// baselineEvery is how often a further baseline is taken; the store
	// thins them out.
	baselineEvery = time.Hour
	// baselineRetry is how long after one was lost the next is tried.
	baselineRetry = time.Minute
	// readingsBefore is how many readings before the crossing go into the
	// manifest.
	readingsBefore = 60
	mostDecisions  = 64
)

// loop owns the sampling and all that is decided from it. Only its goroutine
// touches it, until that has ended.
type loop struct {
	ctx      context.Context // of captures; done when the guard is closed
	cfg      Config
	log      *slog.Logger
	source   *source
	watch    *watch
	history  *history
	keeper   *keeper
	sinks    *dispatcher
	counters *counters
	once     *onces
	build    incident.Build
	process  incident.Process

	timer   *time.Timer
	gcEnd   *gcend.Notifier
	clock   *cpuclock.Clock // nil: not to be had
	clockC  <-chan struct{}
	signal  chan os.Signal
	ask     chan func()
	results chan captureResult
	// Each of these has room for what one job may send at a time.
	censuses     chan censusResult
	explanations chan explained
	reports      chan explained
	earlier      chan []explanation
	closing      chan struct{}
	finished     chan struct{}

	observer

	started      time.Time // with the monotonic clock
	reading      incident.Reading
	nextBaseline time.Duration
	open         []*liveIncident // by rule; nil: not open
	manual       *liveIncident   // at most one, while it is captured
	suspect      *liveIncident   // at most one, while its evidence is taken
	suspectRule  int
	ending       *liveIncident // at most one: recovered while its evidence is taken
	endingRule   int
	reply        chan<- captureReply
	words        []func() // to be said once the evidence is under way

	census      CensusState
	counting    bool // a census is being taken
	nextCensus  time.Duration
	sites       []incident.GoroutineSite
	leakedSince time.Duration // when the first of them that leak began to grow

	unexplained []explanation
	explaining  bool
	explainAt   time.Duration // not before
	explainers  sync.WaitGroup

	recorder   *recorder // the black box; nil: none
	deaths     chan deathsFound
	untold     []foundDeath
	nextDeaths time.Duration // when to look for the dead again; 0: no more
	reviewed   bool          // they have been looked for again

	pressure pressure
	cache    cacheWatch
}

// run is the loop's goroutine.
func (l *loop) run() {
	defer close(l.finished)
	for {
		l.guarded(l.look)
		select {
		case <-l.timer.C:
		case <-l.gcEnd.C:
		case <-l.clockC:
		case <-l.signal:
			l.guarded(func() {
				l.captureManual(l.ctx, incident.TriggerSignal, "signal received", nil, nil)
				l.say()
			})
		case f := <-l.ask:
			l.guarded(func() { f(); l.say() })
			// Answering a question is no reason to look: a dashboard must
			// not change how the guard samples.
			continue
		case res := <-l.results:
			l.guarded(func() { l.captured(res); l.say() })
		case err := <-l.pressure.judged:
			l.pressureJudged(err)
		case res := <-l.censuses:
			l.guarded(func() { l.counted(res) })
		case done := <-l.explanations:
			l.guarded(func() { l.explained(done) })
			continue
		case done := <-l.reports:
			l.guarded(func() { l.reported(done) })
			continue
		case found := <-l.deaths:
			l.guarded(func() { l.deathsFound(found) })
			continue
		case list := <-l.earlier:
			l.unexplained = append(l.unexplained, list...)
			continue
		case <-l.closing:
			return
		}
	}
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
	cores := l.observe(now.Sub(l.started), &l.reading, &l.source.limits, l.source.used, l.keeper.gauge.gcTime(), l.watch.calm())
	l.keeper.gauge.set(&l.view, &l.reading)
	for _, a := range l.watch.step(&l.view) {
		l.act(a)
	}
	l.watchCache()
	l.watchPressure()
	l.say()
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

// takeBaseline has a baseline taken when one is due and nothing is the matter:
// a baseline out of an incident would be compared with itself.
func (l *loop) takeBaseline() {
	if l.keeper.lacksBaseline.Swap(false) {
		l.nextBaseline = min(l.nextBaseline, l.view.at+baselineRetry)
	}
	if l.view.at < l.nextBaseline {
		return
	}
	if l.ending != nil {
		return
	}
	for _, s := range l.watch.rules {
		// What leaks for weeks must not end the baselines: an incident takes one
		// that is older than its growth.
		if !s.rule.slow() && (s.open || s.position >= suspect) {
			return
		}
	}
	if !l.keeper.do(l.keeper.baseline) {
		return
	}
	switch {
	case l.nextBaseline < warmAfter:
		l.nextBaseline = warmAfter
	default:
		l.nextBaseline = l.view.at + baselineEvery
	}
}

// act does what the policy decided.
func (l *loop) act(a act) {
	switch a.do {
	case openIncident:
		l.openIncident(a)
	case suspectIncident:
		l.suspectIncident(a)
	case captureEvidence:
		l.capture(l.open[a.rule], a.rule, l.watch.rules[a.rule].rule.Capture, l.ctx, a.why, nil)
	case shareEvidence:
		i := l.open[a.rule]
		i.Evidence, i.NotCaptured = a.evidence, a.why
		i.decide("not captured: " + a.why)
		l.later(func() { l.send(i, Captured, a.reason) })
	case escalateIncident:
		i := l.open[a.rule]
		i.decide(fmt.Sprintf("escalated: %s; %s", a.reason, a.why))
		l.later(func() {
			l.log.Warn("leakguard: it became worse", "incident", i.ID, "what", a.reason, "why", a.why)
			l.send(i, Escalated, a.reason)
		})
	case recoverIncident:
		l.recoverIncident(a)
	}
}

// later has something said once the evidence is under way: a log line that goes
// to a slow terminal takes longer than a heap profile.
func (l *loop) later(f func()) { l.words = append(l.words, f) }

// say says what was put off.
func (l *loop) say() {
	if len(l.words) == 0 {
		return
	}
	// The keeper has been given its work; where all processors are taken it
	// runs on this one, now.
	runtime.Gosched()
	words := l.words
	l.words = nil // also when one of them panics: it is not to be said again
	for _, f := range words {
		f()
	}
}
