package guard

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// hostFault is what code of the program does when a guard calls it.
type hostFault struct {
	guard   atomic.Pointer[Guard] // nil: it behaves yet
	do      func(f *hostFault)
	release chan struct{}
	did     chan struct{} // closed when it has happened
	happen  sync.Once
}

func (f *hostFault) strike() {
	if f.guard.Load() == nil {
		return
	}
	f.happen.Do(func() { close(f.did) })
	f.do(f)
}

// hostHandler is a log handler with a fault in one of its methods.
type hostHandler struct {
	*logBook
	fault *hostFault
	in    string
}

func (h hostHandler) strike(in string) {
	if in == h.in {
		h.fault.strike()
	}
}

func (h hostHandler) Enabled(context.Context, slog.Level) bool { h.strike("Enabled"); return true }
func (h hostHandler) WithAttrs([]slog.Attr) slog.Handler       { h.strike("WithAttrs"); return h }
func (h hostHandler) WithGroup(string) slog.Handler            { return h }

func (h hostHandler) Handle(ctx context.Context, r slog.Record) error {
	h.strike("Handle")
	return h.logBook.Handle(ctx, r) // which calls the methods of what is logged
}

// hostError is an error of a sink's own type.
type hostError struct{ fault *hostFault }

func (e hostError) Error() string { e.fault.strike(); return "down" }

// hostContext is a context of the program's own type.
type hostContext struct {
	context.Context
	fault *hostFault
}

func (c hostContext) Value(key any) any { c.fault.strike(); return c.Context.Value(key) }

// Whatever code of the program does that a guard calls, from wherever it is
// called: readings go on, the evidence and its report come, the guard answers, and
// Close returns in time and says what is stuck.
func TestHostCodeHoldsUpNothing(t *testing.T) {
	var once sync.Once
	faults := map[string]func(f *hostFault){
		"panics": func(*hostFault) { panic("out of order") },
		"exits":  func(*hostFault) { runtime.Goexit() },
		"blocks": func(f *hostFault) { <-f.release },
		"calls back": func(f *hostFault) {
			once.Do(func() { // or each line that it logs would have it log another
				g := f.guard.Load()
				g.Snapshot()
				g.History(time.Time{})
				ctx, cancel := context.WithTimeout(context.Background(), longWait)
				defer cancel()
				if _, err := g.Capture(ctx, "called back"); errors.Is(err, context.DeadlineExceeded) {
					panic(err)
				}
			})
		},
	}
	sink := func(f *hostFault, cfg *Config) {
		cfg.Sinks = append(cfg.Sinks, sinkFunc{"host", func(context.Context, Event) error { f.strike(); return nil }})
	}
	handler := func(in string) func(f *hostFault, cfg *Config) {
		return func(f *hostFault, cfg *Config) { cfg.Logger = slog.New(hostHandler{new(logBook), f, in}) }
	}
	places := map[string]struct {
		config func(f *hostFault, cfg *Config)
		// pressure puts the guard under pressure, which has the code called.
		pressure func(t *testing.T, g *Guard, f *hostFault)
		stuck    string // what Close names where it blocks; "": it waits for no such code
	}{
		"Handle":    {config: handler("Handle"), stuck: "the log handler has not returned"},
		"Enabled":   {config: handler("Enabled"), stuck: "the log handler has not returned"},
		"WithAttrs": {config: handler("WithAttrs"), stuck: "the log handler has not returned"},
		"Error": {config: func(f *hostFault, cfg *Config) {
			cfg.Logger = slog.New(hostHandler{new(logBook), f, "nowhere"})
			cfg.Sinks = append(cfg.Sinks, sinkFunc{"down", func(context.Context, Event) error { return hostError{f} }})
		}, stuck: "sink down has not returned"},
		"Deliver": {config: sink, stuck: "sink host has not returned"},
		"OnPressure": {config: func(f *hostFault, cfg *Config) {
			cfg.Limit, cfg.OnPressure = wide, func(context.Context, Pressure) { f.strike() }
		}, pressure: func(_ *testing.T, g *Guard, f *hostFault) {
			resize(g, tight)
			<-f.did
		}},
		"Context": {config: func(_ *hostFault, cfg *Config) { cfg.Limit = wide }, pressure: func(t *testing.T, g *Guard, f *hostFault) {
			armed := f.guard.Swap(nil)
			parent, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			for range 3 {
				g.PressureContext(hostContext{parent, f})
			}
			other, cancelOther := g.PressureContext(context.Background())
			t.Cleanup(cancelOther)
			f.guard.Store(armed)
			resize(g, tight)
			select {
			case <-f.did:
			case <-time.After(longWait):
				t.Error("the context's method was not called")
			}
			f.guard.Store(nil)
			close(f.release)
			<-other.Done()
		}},
	}
	for place, p := range places {
		for fault, do := range faults {
			t.Run(place+" "+fault, func(t *testing.T) {
				once = sync.Once{}
				f := &hostFault{do: do, release: make(chan struct{}), did: make(chan struct{})}
				box := newMailbox("box")
				bad := sinkFunc{"bad", func(context.Context, Event) error { return errors.New("no") }} // for WithAttrs
				cfg := Config{Sinks: []Sink{box, bad}, CloseTimeout: longWait, Interval: shortestInterval, PollOnly: true, Rules: []Rule{}}
				if fault == "blocks" && p.stuck != "" {
					cfg.CloseTimeout = time.Second
				}
				p.config(f, &cfg)
				g, _ := startUnchecked(t, "/", cfg)
				f.guard.Store(g)
				g.inLoop(t.Context(), func() { g.loop.open, g.loop.watch = make([]*liveIncident, 1), newWatch([]Rule{always}, 6) })

				explained := box.nextExplained(t).Incident
				wants(t, explained, "heap.pb.gz", "goroutine.pb.gz", incident.ReportText)
				if p.pressure != nil {
					p.pressure(t, g, f)
					resize(g, wide) // with less no profile is taken
				}
				<-f.did
				before := g.Snapshot().Counters.Readings
				waitFor(t, "further readings", func() bool { return g.Snapshot().Counters.Readings > before+5 })
				if len(g.History(time.Time{})) == 0 || len(g.Snapshot().Incidents) != 1 {
					t.Errorf("the guard does not say how it stands: %+v", g.Snapshot())
				}
				waitFor(t, "another capture", func() bool { _, err := g.Capture(t.Context(), "another"); return err == nil })

				begun := time.Now()
				err := g.Close()
				if took := time.Since(begun); took > cfg.CloseTimeout+10*time.Second {
					t.Errorf("Close took %v", took)
				}
				switch {
				case fault == "blocks" && p.stuck != "":
					if err == nil || !strings.Contains(err.Error(), p.stuck) {
						t.Errorf("Close: %v, want that it says %q", err, p.stuck)
					}
				case err != nil:
					t.Errorf("Close: %v", err)
				}
				if place != "Context" {
					close(f.release)
				}
				ended(t, g)
			})
		}
	}
}

// Close may be called by any of them. What calls it cannot end before it returns.
func TestHostCodeCloses(t *testing.T) {
	for place, stuck := range map[string]string{"handler": "the log handler has not returned", "sink": "sink host has not returned", "pressure": ""} {
		t.Run(place, func(t *testing.T) {
			closed := make(chan error, 1)
			f := &hostFault{did: make(chan struct{}), release: make(chan struct{})}
			var once sync.Once
			f.do = func(f *hostFault) { once.Do(func() { closed <- f.guard.Load().Close() }) }
			cfg := Config{Interval: shortestInterval, CloseTimeout: 300 * time.Millisecond}
			switch place {
			case "handler":
				cfg.Logger = slog.New(hostHandler{new(logBook), f, "Handle"})
			case "sink":
				cfg.Sinks = []Sink{sinkFunc{"host", func(context.Context, Event) error { f.strike(); return nil }}}
			case "pressure":
				cfg.Limit, cfg.OnPressure, cfg.CloseTimeout = wide, func(context.Context, Pressure) { f.strike() }, longWait
			}
			g, _ := startUnchecked(t, "/", cfg)
			f.guard.Store(g)
			if place == "pressure" {
				resize(g, tight)
			} else {
				go g.Capture(context.Background(), "test")
			}
			select {
			case err := <-closed:
				if stuck == "" && err != nil || stuck != "" && (err == nil || !strings.Contains(err.Error(), stuck)) {
					t.Errorf("Close: %v, want %q", err, stuck)
				}
			case <-time.After(longWait):
				t.Fatal("Close has not returned")
			}
			ended(t, g)
		})
	}
}

// ended waits for what a Close that has given up leaves to the background.
func ended(t *testing.T, g *Guard) {
	t.Helper()
	waitFor(t, "the end", func() bool { _, err := g.keeper.store.Incidents(); return errors.Is(err, fs.ErrClosed) })
}

// A sink's name is asked for once, before anything is started.
func TestSinkWhoseNamePanics(t *testing.T) {
	nothingLeft(t)
	_, err := Start(Config{Dir: t.TempDir(), Sinks: []Sink{noName{}}})
	if err == nil || !strings.Contains(err.Error(), "Sinks[0].Name(): it panicked: no name today") {
		t.Errorf("Start: %v", err)
	}
}

type noName struct{ Sink }

func (noName) Name() string { panic("no name today") }

// A handler that blocks costs lines, and they are counted.
func TestBlockingLogger(t *testing.T) {
	f := &hostFault{do: func(f *hostFault) { <-f.release }, release: make(chan struct{}), did: make(chan struct{})}
	g, _ := startUnchecked(t, "/", Config{Logger: slog.New(hostHandler{new(logBook), f, "Handle"}), NoReports: true})
	f.guard.Store(g)
	for range 500 {
		g.loop.log.Info("line")
	}
	if n := g.Snapshot().Counters.DroppedLogLines; n < 200 {
		t.Errorf("%d of 500 lines were dropped", n)
	}
	mustCapture(t, g)
	close(f.release)
	mustClose(t, g)
}
