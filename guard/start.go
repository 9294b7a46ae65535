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

// Start starts a guard, which runs until [Guard.Close]. The zero Config is valid. If
// Config.Off is set, Start returns a nil Guard and a nil error.
//
// If the configuration is invalid, Start returns an error with all its faults and
// starts nothing. A Dir that is unsafe (a symbolic link, owned by another user, or
// writable by others) is a fault. A Dir that cannot be written is not: the guard
// logs a warning, runs without a disk, and still delivers events to the sinks.
//
// A process may start several guards, and they may share a Dir.
func Start(cfg Config) (*Guard, error) { return startAt("/", cfg) }

// startAt starts a guard that reads the kernel's files below root.
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
			at = g.loop.hereNow() // it uses the source, which the loop owns once it runs
		}
		g.keeper.do(func() { g.takeUp(store, at) })
	}
	g.loop.step(g.loop.look) // so that Snapshot has a reading from the start
	go g.loop.run()
	return g, nil
}

// newGuard makes a guard without its loop. It replaces cfg.Logger with a queue in
// front of the program's logger.
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

// newLoop makes a guard's loop and takes its first reading.
func newLoop(g *Guard, cfg Config, root string) *loop {
	l := &loop{
		ctx: g.ctx, cfg: cfg, log: cfg.Logger, keeper: g.keeper, counters: g.keeper.counters, once: g.keeper.once,
		build: buildInfo(), started: time.Now(), closing: g.closing, finished: make(chan struct{}),
		inbox: newInbox(), history: newHistory(), observer: newObserver(),
	}
	var err error
	if l.wakers, err = newWakers(&cfg); err != nil {
		l.log.Debug("leakguard: CPU clock not available; polling instead", "error", err)
	}
	l.source = newSource(root, cfg.Limit, func(part string, err error) {
		l.log.Warn("leakguard: a source of readings failed; its values are unknown until it can be read again", "source", part, "error", err)
	})
	// The first reading finds the limits, which the default rules need.
	l.source.read(l.started, &l.reading)
	// The live heap of a cycle before Start says nothing about growth since Start.
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
	l.process.AsyncTimers = goruntime.AsyncTimers()
	if store := g.keeper.store; store != nil && !cfg.NoBlackBox {
		l.recorder = l.openRecorder(store.Dir(), root)
	}
	return l
}

// announce logs the limits and the folder, and warnings about the start.
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
	if lim.Throttle > 0 {
		limit += ", throttled above " + profile.Bytes(lim.Throttle).String() + " (memory.high)"
	}
	l.log.Info("leakguard: watching", "limit", limit, "gomemlimit", profile.Bytes(lim.GOMEMLIMIT).String(), "dir", dir)
	if diskErr != nil {
		l.log.Warn("leakguard: Dir cannot be used; incidents will be reported without evidence", "error", diskErr)
	}
	if l.process.AsyncTimers {
		l.log.Warn("leakguard: GODEBUG=asynctimerchan=1 is set, so a time.Ticker that is not stopped is never collected and keeps using CPU; " +
			"remove the setting, or raise the go line in go.mod to 1.23 or later")
	}
	for _, s := range l.watch.rules {
		l.log.Debug("leakguard: rule", "rule", s.rule.String())
	}
}
