package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	gpprof "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// work burns CPU for a while, so that a CPU profile has something to show.
func work(d time.Duration) (n int) {
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		_ = strings.Repeat("x", n%1000)
	}
	return n
}

func TestHostTakesACPUProfile(t *testing.T) {
	byRule := always
	byRule.Capture = KindsOf(profile.Heap, profile.CPU)
	box := newMailbox("box")
	var host bytes.Buffer
	if err := pprof.StartCPUProfile(&host); err != nil {
		t.Fatal(err)
	}
	g, book := startGuard(t, Config{Rules: []Rule{byRule}, Sinks: []Sink{box}, Interval: 10 * time.Millisecond, PollOnly: true})

	// By a rule: what can be taken is, and what cannot is told, not retried.
	box.next(t, Opened)
	i := box.next(t, Captured).Incident
	wants(t, i, "heap.pb.gz", "manifest.json")
	m, err := g.Store().Incident(i.ID)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, s := range m.Captures[0].Steps {
		told = told || s.Kind == profile.CPU && s.Outcome == incident.OutcomeSkipped && strings.Contains(s.Reason, "another CPU profile is running")
	}
	if !told {
		t.Errorf("the manifest does not say why there is no CPU profile: %+v", m.Captures[0].Steps)
	}
	before := g.Snapshot().Counters
	waitFor(t, "further readings", func() bool { return g.Snapshot().Counters.Readings > before.Readings+20 })
	if c := g.Snapshot().Counters; c.Captures+c.FailedCaptures != 1 {
		t.Errorf("counters: %+v", c)
	}
	// By hand: that alone is an error.
	if _, err := g.Capture(t.Context(), "test", profile.CPU); err == nil || !strings.Contains(err.Error(), "another CPU profile is running") {
		t.Errorf("Capture: %v", err)
	}
	// The host's profile is whole.
	_ = work(100 * time.Millisecond)
	pprof.StopCPUProfile()
	p, err := gpprof.Parse(&host)
	if err != nil || len(p.Sample) == 0 {
		t.Errorf("the host's profile: %v, %v", p, err)
	}
	book.once(t, "evidence saved")
}

// A host may start its own CPU profile while the guard takes one; it then gets
// the runtime's error, as with any other profiler, and nothing else happens.
func TestHostWantsACPUProfileMeanwhile(t *testing.T) {
	g, _ := startGuard(t, Config{CPUProfile: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go g.Capture(ctx, "test", profile.CPU)
	atCPU(t)
	waitFor(t, "the runtime to profile", func() bool {
		err := pprof.StartCPUProfile(io.Discard)
		if err == nil { // we were faster
			pprof.StopCPUProfile()
		}
		return err != nil
	})
	cancel()
	waitFor(t, "the capture to end", func() bool { return g.Snapshot().Counters.Captures == 1 })
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Error(err)
	}
	pprof.StopCPUProfile()
}

func TestHostTakesAnExecutionTrace(t *testing.T) {
	var host bytes.Buffer
	if err := trace.Start(&host); err != nil {
		t.Skip("the test itself is traced: ", err)
	}
	captureAll(t)
	trace.Stop()
	checkTrace(t, host.Bytes())
}

func TestHostHasAFlightRecorder(t *testing.T) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: time.Minute, MaxBytes: 8 << 20})
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	defer recorder.Stop()
	captureAll(t)
	var host bytes.Buffer
	if _, err := recorder.WriteTo(&host); err != nil {
		t.Error(err)
	}
	checkTrace(t, host.Bytes())
}

func captureAll(t *testing.T) {
	t.Helper()
	g, _ := startUnchecked(t, "/", Config{CPUProfile: 50 * time.Millisecond})
	kinds := []profile.Kind{profile.Heap, profile.Goroutine, profile.CPU, profile.Mutex, profile.Block, profile.Allocs, profile.Threadcreate}
	i := mustCapture(t, g, kinds...)
	for _, k := range kinds {
		wants(t, i, store.FileName(k, incident.VariantCrossing, 1))
	}
	mustClose(t, g)
}

func checkTrace(t *testing.T, data []byte) {
	t.Helper()
	if !bytes.HasPrefix(data, []byte("go 1.")) || len(data) < 1000 {
		t.Errorf("no trace: %d bytes, %.16q", len(data), data)
	}
}

// What one guard has in hand another cannot have.
func TestTwoGuardsAndOneCPUProfile(t *testing.T) {
	nothingLeft(t)
	a, _ := startUnchecked(t, "/", Config{CPUProfile: time.Minute})
	b, _ := startUnchecked(t, "/", Config{CPUProfile: time.Minute})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, err := a.Capture(ctx, "test", profile.CPU); done <- err }()
	atCPU(t)
	if _, err := b.Capture(t.Context(), "test", profile.CPU); err == nil || !strings.Contains(err.Error(), "another guard of this process") {
		t.Errorf("Capture: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	mustClose(t, a)
	mustClose(t, b)
}
