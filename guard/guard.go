package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/cpuclock"
	"github.com/leakguard/leakguard/internal/gcend"
	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/profile"
)

var (
	// ErrBusy is returned by Capture while a capture is running.
	ErrBusy = errors.New("guard: a capture is running")
	// ErrClosed is returned by Capture on a guard that is closed, or nil.
	ErrClosed = errors.New("guard: closed")
)

// Guard watches the process it lives in. Its methods may be called from any
// goroutine, and on a nil Guard, where they do nothing.
type Guard struct {
	loop    *loop
	keeper  *keeper
	sinks   *dispatcher
	timeout time.Duration

	closing   chan struct{} // closed by the first Close
	closeOnce chan struct{} // holds a token until then
	closed    chan struct{} // closed when Close is through
	closeErr  error
	after     sync.Mutex // guards the loop's state once the loop has ended
	cancel    context.CancelFunc
	ctx       context.Context
}

// Start starts a guard; the zero Config is a working one. The guard runs until
// Close. With Config.Off it returns nil and no error.
//
// Every fault of the configuration is in the error, and then nothing was
// started. A folder that is dangerous (a symbolic link, somebody else's,
// writable by others) is a fault; one that merely cannot be written is not: the
// guard then runs without a disk, its sinks are told, and the log says so.
//
// Several guards in one process are allowed, also on one Dir.
func Start(cfg Config) (*Guard, error) { return startAt("/", cfg) }

// startAt starts a guard whose kernel files are below root.
func startAt(root string, cfg Config) (*Guard, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Off {
		return nil, nil
	}
	cfg = cfg.withDefaults()
	store, fault, diskErr := openStore(cfg)
	if fault != nil {
		return nil, fault
	}
	c, once, build := new(counters), new(onces), buildInfo()
	cfg.Logger = newSafeLogger(cfg.Logger, c)

	g := &Guard{
		timeout: cfg.CloseTimeout, closing: make(chan struct{}),
		closeOnce: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	g.closeOnce <- struct{}{}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.keeper = &keeper{
		log: cfg.Logger, store: store, noGC: cfg.NoForcedGC, leaks: cfg.GoroutineLeak, cpu: cfg.CPUProfile,
		gauge: new(gauge), counters: c, once: once,
		jobs: make(chan func(), queuedJobs), stopped: make(chan struct{}),
		runtime: goruntime.NewReader(), folders: make(map[string]*profile.Folder),
		survey: newSurveyor(build.Module),
	}
	g.keeper.gauge.headroom.Store(profile.Unknown)
	l := &loop{
		ctx: g.ctx, cfg: cfg, log: cfg.Logger, history: newHistory(), keeper: g.keeper, counters: c, once: once,
		build: build, timer: time.NewTimer(cfg.Interval), gcEnd: gcend.Notify(),
		ask: make(chan func()), results: make(chan captureResult, queuedJobs),
		censuses: make(chan censusResult, 1), explanations: make(chan explained, 1), reports: make(chan explained, 1),
		earlier: make(chan []explanation, 1), deaths: make(chan deathsFound, 1), nextCensus: firstCensus,
		closing: g.closing, finished: make(chan struct{}), started: time.Now(), observer: newObserver(),
	}
	g.loop = l
	l.pressure.policy, l.pressure.judged = newPressurePolicy(cfg.Pressure), make(chan error, 1)
	l.pressure.wanted.Store(cfg.OnPressure != nil || cfg.Relief != Relief{})
	l.source = newSource(root, cfg.Limit, func(part string, err error) {
		cfg.Logger.Warn("leakguard: a source of readings failed, its quantities are unknown from here on", "source", part, "error", err)
	})
	// The first reading finds the limits, which the default rules need.
	l.source.read(l.started, &l.reading)
	l.view.canJudge = !cfg.NoForcedGC
	l.floors.window = cfg.FloorWindow
	// What was live at a cycle before Start says nothing of growth since.
	l.lastGC = l.reading.NumGC
	rules := cfg.Rules
	if rules == nil {
		rules = overlay(DefaultRules(l.source.limits), cfg.Lines.rules())
	}
	l.watch = newWatch(rules, cfg.CapturesPerHour)
	l.open = make([]*liveIncident, len(rules))
	l.process = processInfo(cfg, l.started)
	l.process.AsyncTimers = goruntime.AsyncTimers() // l.timer is one
	if !cfg.PollOnly {
		if clock, err := cpuclock.New(); err == nil {
			l.clock, l.clockC = clock, clock.C
		} else {
			cfg.Logger.Debug("leakguard: no CPU clock, polling instead", "error", err)
		}
	}
	if cfg.CaptureOnSignal {
		l.signal = notifySignal()
	}
	g.sinks = newDispatcher(cfg.Sinks, store, l.process, cfg.Logger, c)
	l.sinks, g.keeper.folderMade = g.sinks, g.sinks.folderMade
	var at postmortem.Here
	if store != nil && !cfg.NoBlackBox {
		l.recorder = l.openRecorder(store.Dir(), root)
		at = l.hereNow()
	}
	g.announce(diskErr)
	go g.keeper.run()
	go l.run()
	if store != nil {
		g.keeper.do(func() { g.takeUp(store, at) })
	}
	return g, nil
}

// announce logs what an operator wants to know of a start, in one line.
func (g *Guard) announce(diskErr error) {
	l := g.loop
	dir := "none"
	if g.keeper.store != nil {
		dir = g.keeper.store.Dir()
		for _, w := range g.keeper.store.Warnings() {
			l.log.Warn("leakguard: " + w)
		}
	}
	lim := l.source.limits
	limit := "unknown"
	if lim.Kill > 0 {
		limit = profile.Bytes(lim.Kill).String() + " (" + lim.KillSource + ")"
	}
	l.log.Info("leakguard: watching", "limit", limit, "gomemlimit", profile.Bytes(lim.GOMEMLIMIT).String(), "dir", dir)
	if diskErr != nil {
		l.log.Warn("leakguard: the folder cannot be used; incidents will be reported without evidence", "error", diskErr)
	}
	if l.process.AsyncTimers {
		l.log.Warn("leakguard: GODEBUG=asynctimerchan=1 is in force: a time.Ticker that is not stopped is never collected and goes on using CPU; " +
			"remove the setting, or a go line below 1.23 in go.mod that implies it")
	}
	for _, s := range l.watch.rules {
		l.log.Debug("leakguard: rule", "rule", s.rule.String())
	}
}

// takeUp goes on with what earlier processes left: it is told what they died of, and
// their evidence is offered to the sinks where they have not accepted it, and
// explained where it is not.
func (g *Guard) takeUp(store *profile.Store, at postmortem.Here) {
	cfg := &g.loop.cfg
	if len(cfg.Sinks) == 0 && cfg.NoReports && cfg.NoBlackBox {
		return
	}
	incidents, err := store.Incidents()
	if err != nil {
		g.loop.log.Warn("leakguard: earlier incidents could not be listed, nothing of them is offered again or explained", "error", err)
		return
	}
	g.sinks.redeliver(g.ctx, store, incidents)
	if !cfg.NoBlackBox {
		g.loop.lookForDeaths(at, incidents)
	}
	if !cfg.NoReports {
		g.loop.earlier <- g.keeper.unexplained(incidents)
	}
}

// inLoop runs f in the loop's goroutine, or here when that has ended. It reports
// false when ctx is done first.
func (g *Guard) inLoop(ctx context.Context, f func()) bool {
	ran := make(chan struct{})
	select {
	case g.loop.ask <- func() { defer close(ran); f() }:
	case <-g.loop.finished:
		// Not only after Close: a sink may ask for a Snapshot while Close
		// waits for it.
		g.after.Lock()
		defer g.after.Unlock()
		f()
		return true
	case <-ctx.Done():
		return false
	}
	select {
	case <-ran:
		return true
	case <-ctx.Done():
		return false
	}
}

// Store returns where the evidence is kept; nil when the guard runs without a
// disk, or is nil itself.
func (g *Guard) Store() *profile.Store {
	if g == nil {
		return nil
	}
	return g.keeper.store
}

// History returns the readings taken at or after since, oldest first: all of
// the last 512, and one a minute for ten hours before those.
func (g *Guard) History(since time.Time) (readings []profile.Reading) {
	if g == nil {
		return nil
	}
	g.inLoop(context.Background(), func() { readings = g.loop.history.since(since) })
	return readings
}

// Capture takes profiles now, as an incident of its own with trigger 'manual':
// heap and goroutine, or the given kinds. It returns when they are on disk, and
// then the incident says where. It is not subject to the rules' cooldowns.
//
// One capture runs at a time: ErrBusy says that another one does. An error that
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
	stop := context.AfterFunc(g.ctx, cancel)
	reply := make(chan captureReply, 1)
	asked := g.inLoop(ctx, func() {
		select {
		case <-g.closing:
			reply <- captureReply{err: ErrClosed}
		default:
			g.loop.captureManual(run, profile.TriggerManual, reason, kinds, reply)
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
