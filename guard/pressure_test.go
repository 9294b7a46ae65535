package guard

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

const (
	tight = 1 << 20 // no Go process lives below this limit
	wide  = 1 << 40
)

// underPressure starts a guard that is under pressure from its first reading on,
// and waits for that.
func underPressure(t *testing.T, cfg Config) (*Guard, *logBook) {
	t.Helper()
	cfg.Limit, cfg.Interval = tight, shortestInterval
	cfg.Pressure.Hold = 20 * time.Millisecond
	g, book := startGuard(t, cfg)
	waitFor(t, "pressure", g.UnderPressure)
	return g, book
}

// resize gives the guard's process another limit.
func resize(g *Guard, limit int64) {
	g.inLoop(context.Background(), func() {
		g.loop.source.configured = limit
		g.loop.source.readLimits()
	})
}

func TestPressureEpisodes(t *testing.T) {
	began, over := make(chan Pressure, 10), make(chan error, 10)
	var deadline bool
	g, book := underPressure(t, Config{OnPressure: func(ctx context.Context, p Pressure) {
		began <- p
		_, deadline = ctx.Deadline()
		<-ctx.Done()
		over <- ctx.Err()
	}})
	// Waits for the call, so that a later one is not refused.
	p := <-began
	if p.Reason == "" || p.Share < defaultPressureShare || p.Limit != tight || p.Live <= 0 || p.Began.IsZero() || p.Reading.Unreclaimable <= 0 {
		t.Errorf("the pressure is %+v", p)
	}
	if now, ok := g.Pressure(); !ok || now.Began != p.Began {
		t.Errorf("Pressure() = %v, %v", now, ok)
	}
	s := g.Snapshot().Pressure
	if !s.Under || s.Last.Began != p.Began || !s.Ended.IsZero() || s.Episodes != 1 || s.Decision == "" {
		t.Errorf("the snapshot has %+v", s)
	}
	book.once(t, "leakguard: under pressure: "+p.Reason)

	resize(g, wide)
	if err := <-over; !errors.Is(err, context.Canceled) && !deadline {
		t.Errorf("the context ended with %v", err)
	}
	waitFor(t, "no pressure", func() bool { return !g.UnderPressure() })
	if now, ok := g.Pressure(); ok || !now.Began.IsZero() {
		t.Errorf("Pressure() = %v, %v", now, ok)
	}
	if s := g.Snapshot().Pressure; s.Under || s.Last.Began != p.Began || s.Ended.IsZero() || s.Episodes != 1 {
		t.Errorf("the snapshot has %+v", s)
	}
	waitFor(t, "the call to end", func() bool { return !g.loop.pressure.calling.Load() })

	resize(g, tight)
	if again := <-began; !again.Began.After(p.Began) {
		t.Errorf("the second pressure is %+v", again)
	}
	if n := g.Snapshot().Pressure.Episodes; n != 2 {
		t.Errorf("%d episodes", n)
	}
}

// What is predicted is ctx's deadline.
func TestPressureDeadline(t *testing.T) {
	told := make(chan time.Time, 1)
	l := &loop{ctx: t.Context(), log: slog.New(slog.DiscardHandler), observer: newObserver(), counters: new(counters), keeper: new(keeper)}
	l.cfg.OnPressure = func(ctx context.Context, p Pressure) {
		d, _ := ctx.Deadline()
		told <- d
	}
	l.reading = incident.NewReading(time.Now())
	l.view.limits[Memory] = 100 * mib
	l.beginPressure(danger{left: time.Hour, rate: 1})
	l.say()
	defer l.pressure.end()
	if in := time.Until(<-told); in < 50*time.Minute || in > time.Hour {
		t.Errorf("the deadline is in %v", in)
	}
}

// OnPressure may close the guard, as services do that leave.
func TestPressureCloses(t *testing.T) {
	closed := make(chan error, 1)
	var g *Guard
	started := make(chan struct{})
	g, _ = startGuard(t, Config{Limit: tight, OnPressure: func(ctx context.Context, _ Pressure) {
		<-started
		err := g.Close()
		closed <- errors.Join(err, ctx.Err())
	}})
	close(started)
	if err := <-closed; !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "guard:") {
		t.Errorf("Close and ctx: %v, want that ctx is cancelled and no more", err)
	}
	if !g.UnderPressure() {
		t.Error("the pressure was gone with the guard: readiness would be back while the service leaves")
	}
}

func TestPressurePanics(t *testing.T) {
	g, book := startGuard(t, Config{Limit: tight, OnPressure: func(context.Context, Pressure) { panic("drain failed") }})
	waitFor(t, "the panic", func() bool { return g.Snapshot().Counters.Panics == 1 })
	waitFor(t, "the word", func() bool { return len(book.loud("drain failed")) == 1 })
}

// A call that never returns does not pile up.
func TestPressureIsNotCalledTwiceAtATime(t *testing.T) {
	release, calls := make(chan struct{}), make(chan struct{}, 10)
	defer close(release)
	g, book := underPressure(t, Config{OnPressure: func(context.Context, Pressure) { calls <- struct{}{}; <-release }})
	<-calls
	resize(g, wide)
	waitFor(t, "no pressure", func() bool { return !g.UnderPressure() })
	resize(g, tight)
	waitFor(t, "pressure", g.UnderPressure)
	waitFor(t, "the word", func() bool { return len(book.loud("OnPressure was not called for this episode")) == 1 })
	if len(calls) != 0 {
		t.Error("it was called again")
	}
}

func TestPressureContext(t *testing.T) {
	g, _ := startGuard(t, Config{Limit: wide, Interval: shortestInterval, Pressure: PressureLines{Hold: time.Millisecond}})
	first, cancel := g.PressureContext(t.Context())
	defer cancel()
	given, cancelGiven := g.PressureContext(t.Context())
	cancelGiven()
	parent, cancelParent := context.WithCancel(t.Context())
	child, cancelChild := g.PressureContext(parent)
	defer cancelChild()
	cancelParent()
	if err := context.Cause(given); err != context.Canceled {
		t.Errorf("cancelled by hand: %v", err)
	}
	if err := context.Cause(child); err != context.Canceled {
		t.Errorf("cancelled by its parent: %v", err)
	}
	count := func() int {
		w := &g.loop.pressure.watchers
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.set)
	}
	waitFor(t, "only the first to be watched", func() bool { return count() == 1 })

	resize(g, tight)
	<-first.Done()
	if err := context.Cause(first); !errors.Is(err, ErrPressure) || !strings.Contains(err.Error(), "guard: memory pressure: ") || !strings.Contains(err.Error(), "of 1.0 MiB") {
		t.Errorf("the cause is %v", err)
	}
	waitFor(t, "nothing to be watched", func() bool { return count() == 0 })
	second, cancelSecond := g.PressureContext(t.Context())
	defer cancelSecond()
	if err := context.Cause(second); !errors.Is(err, ErrPressure) {
		t.Errorf("under pressure: %v", err)
	}
	resize(g, wide)
	waitFor(t, "no pressure", func() bool { return !g.UnderPressure() })
	if first.Err() == nil {
		t.Error("the context came back to life")
	}
	third, cancelThird := g.PressureContext(t.Context())
	defer cancelThird()
	if third.Err() != nil {
		t.Errorf("after pressure: %v", context.Cause(third))
	}
}

func TestPressureOfNil(t *testing.T) {
	var g *Guard
	if p, ok := g.Pressure(); g.UnderPressure() || ok || !p.Began.IsZero() {
		t.Errorf("a nil guard has pressure: %v", p)
	}
	ctx, cancel := g.PressureContext(t.Context())
	if ctx.Err() != nil {
		t.Error(ctx.Err())
	}
	if cancel(); ctx.Err() == nil {
		t.Error("cancel does nothing")
	}
}

// Where nobody listens to pressure it is nothing to warn of.
func TestPressureIsQuiet(t *testing.T) {
	g, book := startGuard(t, Config{Limit: tight})
	waitFor(t, "pressure", func() bool { return g.Snapshot().Pressure.Under })
	if got := book.loud("pressure"); len(got) != 0 {
		t.Errorf("said: %q", got)
	}
}

// A GC is forced to tell, while memory is full of what may be garbage, if
// somebody listens; one at a time.
func TestPressureForcesAGC(t *testing.T) {
	l := &loop{log: slog.New(slog.DiscardHandler), observer: newObserver(), reading: incident.NewReading(time.Now()), inbox: newInbox()}
	l.pressure.policy = newPressurePolicy(PressureLines{})
	limits := limit1000
	look := func() {
		all(memory(900), live(300))(&l.reading)
		l.reading.HeapAlloc = 800 * mib
		l.observe(l.view.at+time.Minute, &l.reading, &limits, 0, 0, true)
		l.watchPressure()
	}
	look()
	if l.pressure.judging {
		t.Fatal("a GC is forced although nobody listens")
	}
	l.pressure.present()
	look()
	if !l.pressure.judging || l.pressure.policy.asked == nil {
		t.Fatalf("no GC is forced: %s", l.pressure.policy.decision)
	}
	l.pressure.policy.asked = nil // one that came by itself told enough
	look()
	if l.pressure.policy.asked != nil {
		t.Error("a second GC is forced while one is under way")
	}
	<-l.inbox.wake
	l.pressureJudged(errForcedGCElsewhere)
	l.pressure.helpers.Wait()
	look()
	if !l.pressure.judging {
		t.Errorf("no GC is forced afterwards: %s", l.pressure.policy.decision)
	}
	<-l.inbox.wake

	pressureGC.Lock()
	defer pressureGC.Unlock()
	if err := judgeByGC(); err == nil {
		t.Error("two guards force a GC at a time")
	}
}

func BenchmarkUnderPressure(b *testing.B) {
	g, err := Start(Config{Dir: b.TempDir(), Rules: []Rule{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	for b.Loop() {
		g.UnderPressure()
	}
}
