package guard

import (
	"context"
	"time"

	"github.com/leakguard/leakguard/guard/internal/logqueue"
	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
)

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
	cfg.Sinks = nameOnce(cfg.Sinks)
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
	g := newGuard(&cfg, store)
	g.loop = newLoop(g, cfg, root)
	g.sinks = newDispatcher(cfg.Sinks, store, g.loop.process, g.loop.log, g.keeper.counters)
	g.loop.sinks, g.keeper.folderMade = g.sinks, g.sinks.folderMade
	g.announce(diskErr)
	if store != nil {
		var at postmortem.Here
		if !cfg.NoBlackBox {
			at = g.loop.hereNow() // before the loop has the source for itself
		}
		g.keeper.do(func() { g.takeUp(store, at) })
	}
	g.loop.step(g.loop.look) // so that a Snapshot has something to show
	go g.loop.run()
	return g, nil
}

// newGuard makes all of a guard but its loop. From here on cfg.Logger is a queue
// in front of the program's.
func newGuard(cfg *Config, store *store.Store) *Guard {
	c, once := new(counters), new(onces)
	g := &Guard{
		timeout: cfg.CloseTimeout, closing: make(chan struct{}),
		closeOnce: make(chan struct{}, 1), closed: make(chan struct{}),
		logs: logqueue.New(cfg.Logger.Handler(), func(any) { c.panics.Add(1) }),
	}
	g.closeOnce <- struct{}{}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	c.droppedLines = g.logs.Dropped
	cfg.Logger = g.logs.Logger()
	g.keeper = newKeeper(cfg, store, buildInfo().Module, c, once)
	return g
}

// newLoop makes a guard's loop, which has taken a first reading.
func newLoop(g *Guard, cfg Config, root string) *loop {
	l := &loop{
		ctx: g.ctx, cfg: cfg, log: cfg.Logger, keeper: g.keeper, counters: g.keeper.counters, once: g.keeper.once,
		build: buildInfo(), started: time.Now(), closing: g.closing, finished: make(chan struct{}),
		inbox: newInbox(), history: newHistory(), observer: newObserver(),
	}
	var err error
	if l.wakers, err = newWakers(&cfg); err != nil {
		l.log.Debug("leakguard: no CPU clock, polling instead", "error", err)
	}
	l.source = newSource(root, cfg.Limit, func(part string, err error) {
		l.log.Warn("leakguard: a source of readings failed, its quantities are unknown from here on", "source", part, "error", err)
	})
	// The first reading finds the limits, which the default rules need.
	l.source.read(l.started, &l.reading)
	// What was live at a cycle before Start says nothing of growth since.
	l.lastGC = l.reading.NumGC
	l.view.canJudge = !cfg.NoForcedGC
	l.floors.window = cfg.FloorWindow
	l.census.next = firstCensus
	rules := cfg.Rules
	if rules == nil {
		rules = overlay(DefaultRules(l.source.limits), cfg.Lines.rules())
	}
	l.watch = newWatch(rules, cfg.CapturesPerHour)
	l.open = make([]*liveIncident, len(rules))
	l.pressure.policy = newPressurePolicy(cfg.Pressure)
	l.pressure.wanted.Store(cfg.OnPressure != nil || cfg.Relief != Relief{})
	l.process = processInfo(cfg, l.started)
	l.process.AsyncTimers = goruntime.AsyncTimers() // l.timer is one
	if store := g.keeper.store; store != nil && !cfg.NoBlackBox {
		l.recorder = l.openRecorder(store.Dir(), root)
	}
	return l
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
