package guard

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/profile"
)

func TestNilGuard(t *testing.T) {
	g, err := Start(Config{Off: true})
	if g != nil || err != nil {
		t.Fatalf("Start with Off: %v, %v", g, err)
	}
	if _, err := g.Capture(t.Context(), "test"); !errors.Is(err, ErrClosed) {
		t.Errorf("Capture: %v", err)
	}
	if g.Store() != nil || g.History(time.Time{}) != nil || g.Snapshot().Rules != nil {
		t.Error("a nil guard has something to tell")
	}
	if err := errors.Join(g.Close(), g.Close()); err != nil {
		t.Error(err)
	}
}

func TestStartAfterClose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	nothingLeft(t)
	for range 10 {
		g, book := startUnchecked(t, "/", Config{Dir: dir})
		mustCapture(t, g)
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if lines := book.loud(""); len(lines) > 2 { // 'evidence saved', and perhaps the report's headline
			t.Errorf("said: %q", lines)
		}
		// What is still to be had is how it ended.
		if s := g.Snapshot(); s.Counters.Captures != 1 || s.Counters.Readings == 0 || len(g.History(time.Time{})) == 0 {
			t.Errorf("after Close: %+v", s.Counters)
		}
		if _, err := g.Capture(t.Context(), "test"); !errors.Is(err, ErrClosed) {
			t.Errorf("Capture after Close: %v", err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 11 {
		t.Errorf("%d entries, %v, want 10 incidents and the baselines", len(made), err)
	}
}

func TestCloseConcurrently(t *testing.T) {
	g, _ := startUnchecked(t, "/", Config{Rules: []Rule{always}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			g.Snapshot()
		})
		all.Go(func() { g.Capture(context.Background(), "test") })
	}
	all.Wait()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// atCPU waits until a CPU profile is being taken.
func atCPU(t *testing.T) {
	t.Helper()
	waitFor(t, "the CPU profile to begin", evidence.ProfilingCPU)
}

func TestCloseCutsACPUProfileShort(t *testing.T) {
	byRule := always
	byRule.Capture = KindsOf(profile.Heap, profile.Goroutine, profile.CPU)
	for name, rules := range map[string][]Rule{"manual": {}, "rule": {byRule}} {
		t.Run(name, func(t *testing.T) {
			g, _ := startUnchecked(t, "/", Config{Rules: rules, CPUProfile: time.Minute, CloseTimeout: longWait})
			type answer struct {
				i   Incident
				err error
			}
			answers := make(chan answer, 1)
			if name == "manual" {
				go func() {
					i, err := g.Capture(context.Background(), "test", profile.Heap, profile.CPU)
					answers <- answer{i, err}
				}()
			}
			atCPU(t)
			start := time.Now()
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > longWait/2 {
				t.Errorf("Close took %v", took)
			}
			if name == "manual" {
				a := <-answers
				if a.err != nil {
					t.Error(a.err)
				}
				wants(t, a.i, "heap.pb.gz", "cpu.pb.gz", "manifest.json")
			}
			if c := g.Snapshot().Counters; c.Captures != 1 || c.FailedCaptures != 0 {
				t.Errorf("counters: %+v", c)
			}
			files, err := filepath.Glob(filepath.Join(g.Store().Dir(), "2*", "cpu.pb.gz"))
			if err != nil || len(files) != 1 {
				t.Errorf("CPU profiles: %v, %v", files, err)
			}
		})
	}
}

func TestCaptureAndContexts(t *testing.T) {
	g, _ := startGuard(t, Config{CPUProfile: time.Minute, NoReports: true})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Capture(gone, "test"); !errors.Is(err, context.Canceled) {
		t.Errorf("Capture with a context that is done: %v", err)
	}
	if n := g.Snapshot().Counters.Incidents; n != 0 {
		t.Errorf("it made %d incidents", n)
	}
	if _, err := g.Capture(t.Context(), "test", profile.Kind(99)); err == nil || !strings.Contains(err.Error(), "99") {
		t.Errorf("Capture of an unknown kind: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { _, err := g.Capture(ctx, "test", profile.CPU); result <- err }()
	atCPU(t)
	if _, err := g.Capture(t.Context(), "test"); !errors.Is(err, ErrBusy) {
		t.Errorf("Capture beside another: %v", err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Capture whose context ends: %v", err)
	}
	// What was profiled by then is kept, and the guard is free again.
	waitFor(t, "the capture to end", func() bool { return g.Snapshot().Counters.Captures == 1 })
	mustCapture(t, g)
	incidents, err := g.Store().Incidents()
	if err != nil || len(incidents) != 2 || len(incidents[0].Artefacts) != 1 || incidents[0].Artefacts[0].Name != "cpu.pb.gz" {
		t.Errorf("incidents: %+v, %v", incidents, err)
	}
}

// Nothing is not evidence.
func TestCaptureOfNothingIsAnError(t *testing.T) {
	g, _ := startGuard(t, Config{})
	i, err := g.Capture(t.Context(), "test", profile.GoroutineLeak)
	if err == nil || !strings.Contains(err.Error(), "Config.GoroutineLeak is not set") || i.NotCaptured == "" {
		t.Errorf("Capture: %q, %v", i.NotCaptured, err)
	}
	if c := g.Snapshot().Counters; c.FailedCaptures != 1 || c.Captures != 0 {
		t.Errorf("counters: %+v", c)
	}
}

// What the loop does with a broken part is what it does with any panic.
func TestPanicInTheLoop(t *testing.T) {
	g, book := startGuard(t, Config{Rules: []Rule{always}, Interval: 10 * time.Millisecond, PollOnly: true})
	waitFor(t, "the incident", func() bool { return g.Snapshot().Counters.Captures == 1 })
	var broken *watch
	g.inLoop(t.Context(), func() { g.loop.watch, broken = nil, g.loop.watch })
	waitFor(t, "panics", func() bool {
		var n int64
		g.inLoop(t.Context(), func() { n = g.loop.counters.panics.Load() })
		return n > 3
	})
	book.once(t, "a panic in the guard was recovered")
	g.inLoop(t.Context(), func() { g.loop.watch = broken })
	before := g.Snapshot()
	waitFor(t, "further readings", func() bool { return g.Snapshot().Counters.Readings > before.Counters.Readings+10 })
	mustCapture(t, g)
	if after := g.Snapshot(); after.Counters.Panics > before.Counters.Panics+1 || len(after.Incidents) != 1 {
		t.Errorf("mended, but %+v with %d incidents open", after.Counters, len(after.Incidents))
	}
}

func TestPanicInTheKeeper(t *testing.T) {
	g, book := startGuard(t, Config{})
	for range 3 {
		g.keeper.do(func() { panic("bad day") })
	}
	mustCapture(t, g)
	if n := g.Snapshot().Counters.Panics; n != 3 {
		t.Errorf("%d panics counted", n)
	}
	book.once(t, "bad day")
}

func TestTwoGuardsOnOneFolder(t *testing.T) {
	nothingLeft(t)
	dir := filepath.Join(t.TempDir(), "evidence")
	box := newMailbox("box")
	a, _ := startUnchecked(t, "/", Config{Dir: dir, Rules: []Rule{always}, Sinks: []Sink{box}})
	opened := box.next(t, Opened)
	box.next(t, Captured)
	b, _ := startUnchecked(t, "/", Config{Dir: dir, Sinks: []Sink{box}})
	var all sync.WaitGroup
	for _, g := range []*Guard{a, b} {
		all.Go(func() {
			for range 3 {
				mustCapture(t, g)
				g.Snapshot()
			}
		})
	}
	all.Wait()
	incidents, err := b.Store().Incidents()
	if err != nil || len(incidents) != 7 {
		t.Fatalf("%d incidents, %v", len(incidents), err)
	}
	for _, m := range incidents {
		if m.CutShort || len(m.Warnings) > 0 {
			t.Errorf("%s: cut short %v, %q", m.ID, m.CutShort, m.Warnings)
		}
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	close(box.events)
	for e := range box.events {
		// The open incident of a live process is not offered by another.
		if e.Redelivered && e.Incident.ID == opened.Incident.ID {
			t.Errorf("%s of %s was offered again while its guard lives", e.Kind, e.Incident.ID)
		}
	}
}
