package guard

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// promptly is far more than evidence takes, on a machine that is busy with other
// tests. TestFirstEvidenceTakes prints what it really takes.
const promptly = time.Second

// firstFile is how long after the crossing an incident's first file was whole.
func firstFile(t *testing.T, g *Guard, i Incident) time.Duration {
	t.Helper()
	m, err := g.Store().Incident(i.ID)
	if err != nil || len(m.Artefacts) == 0 {
		t.Fatalf("%s has no files: %v", i.ID, err)
	}
	return m.Artefacts[0].Written.Sub(i.Opened)
}

// captured waits for the evidence of a rule's incident; it may escalate before, and
// others may.
func captured(t *testing.T, box *mailbox, rule string) Incident {
	t.Helper()
	for deadline := time.After(longWait); ; {
		select {
		case e := <-box.events:
			if e.Kind == Captured && e.Incident.Rule == rule {
				return e.Incident
			}
		case <-deadline:
			t.Fatalf("nothing was captured for rule %s", rule)
		}
	}
}

// A crossing gets its evidence at once while the CPU profile of another incident is
// being taken, and while a Capture by hand takes one.
func TestEvidenceDoesNotWaitForACPUProfile(t *testing.T) {
	idle := Rule{Name: "idle", Signal: Goroutines, Line: Absolute(1), Capture: KindsOf(profile.CPU, profile.Goroutine)}
	heap := Rule{Name: "heap", Signal: Goroutines, Line: Absolute(5000)}
	for _, by := range []string{"rule", "hand"} {
		t.Run(by, func(t *testing.T) {
			box := newMailbox("box")
			cfg := Config{Rules: []Rule{idle, heap}, Sinks: []Sink{box}, Interval: shortestInterval, CPUProfile: time.Minute, NoReports: true, CloseTimeout: longWait}
			if by == "hand" {
				cfg.Rules = []Rule{heap}
			}
			g, _ := startGuard(t, cfg)
			if by == "hand" {
				go g.Capture(t.Context(), "test", profile.CPU)
			}
			atCPU(t)
			box.next(t, Opened)
			dismiss := crowd(5000)
			defer dismiss()
			i := captured(t, box, "heap")
			if i.NotCaptured != "" {
				t.Fatalf("not captured: %s", i.NotCaptured)
			}
			wants(t, i, "goroutine.pb.gz", "heap.pb.gz", "heap-fresh.pb.gz")
			took := firstFile(t, g, i)
			t.Logf("the first file was there after %v", took)
			if took > promptly {
				t.Errorf("the first file was there after %v", took)
			}
			if by == "rule" {
				waitFor(t, "a Capture", func() bool { _, err := g.Capture(t.Context(), "test"); return !errors.Is(err, ErrBusy) })
			}
			if !evidence.ProfilingCPU() {
				t.Error("the CPU profile is over")
			}
		})
	}
}

// Nor does it wait for that of the same incident, when things become much worse.
func TestEscalationDoesNotWaitForACPUProfile(t *testing.T) {
	rule := always
	rule.Capture = KindsOf(profile.Heap, profile.Goroutine, profile.CPU)
	box := newMailbox("box")
	g, _ := startGuard(t, Config{Rules: []Rule{rule}, Sinks: []Sink{box}, Interval: shortestInterval, CPUProfile: time.Minute, NoReports: true, CloseTimeout: longWait})
	first := box.next(t, Opened).Incident
	atCPU(t)
	dismiss := crowd(5000)
	defer dismiss()
	i := captured(t, box, rule.Name)
	if i.ID != first.ID {
		t.Fatalf("captured is %s", i.ID)
	}
	wants(t, i, "heap.2.pb.gz", "goroutine.2.pb.gz")
	mustClose(t, g)
	m, err := readManifest(i.Folder)
	if err != nil || len(m.Captures) < 2 || m.Captures[0].Seq != 1 || m.Captures[1].Seq != 2 {
		t.Errorf("captures %+v, %v", m.Captures, err)
	}
}

// Neither does it wait for what earlier processes left, for baselines and censuses,
// or for what is being written of other incidents.
func TestEvidenceDoesNotWaitForSlowWork(t *testing.T) {
	rule := Rule{Name: "crowd", Signal: Goroutines, Line: Absolute(5000)}
	box := newMailbox("box")
	g, _ := startGuard(t, Config{Rules: []Rule{rule}, Sinks: []Sink{box}, Interval: shortestInterval, NoReports: true})
	release := make(chan struct{})
	for _, w := range []*worker{&g.keeper.slow, &g.keeper.surveys, &g.keeper.records} {
		for range mostJobs {
			w.do(func() { <-release })
		}
	}
	defer close(release)
	dismiss := crowd(5000)
	defer dismiss()
	box.next(t, Opened)
	i := box.next(t, Captured).Incident
	if took := firstFile(t, g, i); took > promptly {
		t.Errorf("the first file was there after %v", took)
	}
	mustCapture(t, g)
}

// A Snapshot and a History are answered while the loop is held up, and what jobs
// have to tell is not lost.
func TestSnapshotOfALoopThatIsHeldUp(t *testing.T) {
	g, _ := startGuard(t, Config{Interval: shortestInterval})
	waitFor(t, "readings", func() bool { return g.Snapshot().Counters.Readings > 3 })
	release, held := make(chan struct{}), make(chan struct{})
	go g.inLoop(t.Context(), func() { close(held); <-release })
	<-held
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if s := g.Snapshot(); s.Reading.Time.IsZero() || len(g.History(time.Time{})) < 3 || s.Verdict.Text == "" {
			t.Errorf("the snapshot is %+v", s)
		}
	}()
	select {
	case <-answered:
	case <-time.After(longWait):
		t.Error("a Snapshot waits for the loop")
	}
	// Callers that wait do not stand before what jobs have to tell.
	for range 100 {
		go g.Capture(t.Context(), "test")
	}
	told := make(chan struct{})
	g.loop.post(func() { close(told) })
	g.loop.inbox.mu.Lock()
	if n := len(g.loop.inbox.queue); n > 2 {
		t.Errorf("%d functions are in the inbox, want one of a job and one of a caller at most", n)
	}
	g.loop.inbox.mu.Unlock()
	close(release)
	<-told
}

// A caller that has given up while the loop was held up has nothing captured.
func TestCaptureThatIsGivenUp(t *testing.T) {
	g, _ := startGuard(t, Config{})
	release, held := make(chan struct{}), make(chan struct{})
	go g.inLoop(t.Context(), func() { close(held); <-release })
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := g.Capture(ctx, "test"); failed <- err }()
	cancel()
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	close(release)
	g.inLoop(t.Context(), func() {})
	if n := g.Snapshot().Counters.Incidents; n != 0 {
		t.Errorf("%d incidents", n)
	}
}

// Captures that fail for two weeks leave neither a list without bound nor a
// manifest that lacks how it began, or how it ended.
func TestALongIncidentHasItsFirstAndItsNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Hold: second})
		s.look(0, memory(905))
		id := s.tells("opened memory")[0].Incident.ID
		i := s.open[0]
		failed := evidence.Result{Err: errors.New("disk full"), Record: incident.CaptureRecord{
			Steps: []incident.CaptureStep{{Kind: profile.Heap, Outcome: incident.OutcomeFailed, Reason: "disk full"}}}}
		rounds := 0
		for at := time.Duration(0); at < 14*24*hour; at += minute {
			if i.capturing > 0 {
				rounds++
				failed.Record.Seq, failed.Record.Time = rounds, time.Now()
				s.ends(id, failed)
			}
			s.look(minute, memory(905))
		}
		if rounds < 20_000 {
			t.Fatalf("%d rounds", rounds)
		}
		s.ends(id, saved)
		s.look(second, memory(100))
		s.look(second, memory(100))
		m := i.record.Snapshot()
		if n, of := len(m.Captures), len(m.Decisions); n > 64 || of > 64 {
			t.Errorf("%d captures and %d decisions are kept", n, of)
		}
		if first, last := m.Captures[0].Seq, m.Captures[len(m.Captures)-1].Seq; first != 1 || last != rounds {
			t.Errorf("the captures are %d to %d, want 1 to %d", first, last, rounds)
		}
		if text := m.Decisions[0].Text; !strings.HasPrefix(text, "opened: ") {
			t.Errorf("the first decision is %q", text)
		}
		if text := m.Decisions[len(m.Decisions)-1].Text; !strings.HasPrefix(text, "recovered: ") || m.Recovered == nil {
			t.Errorf("the last decision is %q, recovered %v", text, m.Recovered)
		}
		if text := m.Decisions[8].Text; !strings.Contains(text, "are omitted here") {
			t.Errorf("nothing says what was left out, but %q", text)
		}
	})
}

// An incident that recovers while its evidence is taken keeps that when the guard is
// closed before the capture ends.
func TestRecoveredDuringACaptureBeforeClose(t *testing.T) {
	box := newMailbox("box")
	rule := Rule{Name: "crowd", Signal: Goroutines, Line: Absolute(2000), Hold: time.Millisecond, Capture: KindsOf(profile.Goroutine, profile.CPU)}
	g, _ := startUnchecked(t, "/", Config{Rules: []Rule{rule}, Sinks: []Sink{box}, Interval: shortestInterval, CPUProfile: time.Minute, NoReports: true, CloseTimeout: longWait})
	dismiss := crowd(2000)
	i := box.next(t, Opened).Incident
	atCPU(t)
	dismiss()
	settle(t, 1000)
	waitFor(t, "the recovery", func() bool { return len(g.Snapshot().Incidents) == 0 })
	dir := g.Store().Dir()
	mustClose(t, g)
	m, err := readManifest(filepath.Join(dir, i.ID))
	if err != nil || m.Recovered == nil || len(m.Captures) != 1 {
		t.Fatalf("recovered %v, %d captures, %v", m.Recovered, len(m.Captures), err)
	}
	cpu := m.Captures[0].Steps[len(m.Captures[0].Steps)-1]
	for _, s := range m.Captures[0].Steps {
		if s.Kind == profile.CPU {
			cpu = s
		}
	}
	if cpu.Kind != profile.CPU || cpu.Outcome != incident.OutcomeWritten || !strings.Contains(cpu.Reason, "cut short after") {
		t.Errorf("the CPU profile's step is %+v", cpu)
	}
}

// While the CPU profile of one incident runs, its first files speak for others that
// want no more, and not for one that does.
func TestEvidenceUnderWayIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t,
			Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Capture: KindsOf(profile.Heap, profile.CPU)},
			Rule{Name: "goroutines", Signal: Goroutines, Line: Absolute(100), Capture: KindsOf(profile.Heap)},
			Rule{Name: "stacks", Signal: Goroutines, Line: Absolute(100), Capture: KindsOf(profile.Goroutine)})
		s.look(0, all(memory(905), goroutines(90)))
		id := s.tells("opened memory")[0].Incident.ID
		s.look(second, all(memory(905), goroutines(110)))
		s.tells("opened goroutines", "opened stacks") // the first files are not safe
		s.goesOn(id, finishing)
		s.look(second, all(memory(905), goroutines(110)))
		if e := s.tells("captured goroutines")[0].Incident; e.EvidenceIn != id {
			t.Errorf("its evidence is that of %q, want %s", e.EvidenceIn, id)
		}
		if s.open[2] == nil || s.open[2].capturing == 0 {
			t.Errorf("goroutines are not captured beside a CPU profile: %s", s.watch.rules[2].decision)
		}
		if s.open[0].capturing == 0 {
			t.Error("the first capture has ended")
		}
		// Much worse: what is left of the first capture is no reason to wait.
		s.ends(s.open[2].ID, saved)
		s.look(second, all(memory(990), goroutines(110)))
		if i := s.open[0]; i.rounds != 2 || i.capturing != 2 {
			t.Fatalf("%d captures, %d under way: %s", i.rounds, i.capturing, s.watch.rules[0].decision)
		}
		first, next := s.captures[0], s.captures[1]
		s.step(func() { s.captured(next, saved) })
		s.look(second, all(memory(100), goroutines(110)))
		s.look(minute, all(memory(100), goroutines(110)))
		s.tells("captured stacks", "escalated memory", "captured memory")
		s.step(func() { s.captured(first, saved) })
		s.tells("captured memory", "recovered memory")
	})
}
