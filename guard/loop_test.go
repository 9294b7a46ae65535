package guard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// stage is a loop whose readings, captures and sink the test plays itself. It
// runs in a synctest bubble.
type stage struct {
	*loop
	t    *testing.T
	told chan Event
}

func newStage(t *testing.T, rules ...Rule) *stage {
	k := testKeeper("")
	told := make(chan Event, 100)
	sink := sinkFunc{"stage", func(_ context.Context, e Event) error { told <- e; return nil }}
	l := &loop{
		ctx: t.Context(), log: k.log, history: newHistory(), keeper: k, counters: k.counters, once: k.once,
		sinks:  newDispatcher([]Sink{sink}, nil, incident.Process{}, k.log, k.counters),
		source: &source{limits: limit1000}, watch: newWatch(rules, defaultCapturesPerHour), inbox: newInbox(),
		observer: newObserver(), started: time.Now(), reading: incident.NewReading(time.Now()),
	}
	l.open = make([]*liveIncident, len(rules))
	return &stage{l, t, told}
}

// look moves the clock on and shows the loop a reading.
func (s *stage) look(after time.Duration, change func(*incident.Reading)) {
	s.t.Helper()
	time.Sleep(after)
	s.step(func() {
		s.reading.Time = time.Now()
		change(&s.reading)
		s.history.add(&s.reading)
		s.observe(time.Since(s.started), &s.reading, &s.source.limits, s.source.used, time.Millisecond, s.watch.calm())
		for _, a := range s.watch.step(&s.view) {
			s.act(a)
		}
	})
	synctest.Wait() // what a capture without a disk has to say is not heard
	if n := s.counters.panics.Load(); n > 0 {
		s.t.Fatalf("%d panics", n)
	}
}

// under is the capture of an incident.
func (s *stage) under(id string) *liveCapture {
	s.t.Helper()
	for _, c := range s.captures {
		if c.incident.ID == id {
			return c
		}
	}
	s.t.Fatalf("no capture of %s is under way", id)
	panic("unreachable")
}

// goesOn books how far the capture of an incident is.
func (s *stage) goesOn(id string, to captureStage) {
	s.t.Helper()
	c := s.under(id)
	s.step(func() { s.reached(c, to, evidence.Result{}) })
}

// ends books the end of the capture of an incident.
func (s *stage) ends(id string, res evidence.Result) {
	s.t.Helper()
	c := s.under(id)
	s.step(func() { s.captured(c, res) })
}

// tells takes the events that the sink was told, and compares kind and rule.
func (s *stage) tells(want ...string) (events []Event) {
	s.t.Helper()
	var got []string
	synctest.Wait()
	for len(s.told) > 0 {
		e := <-s.told
		events = append(events, e)
		got = append(got, e.Kind.String()+" "+e.Incident.Rule)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		s.t.Fatalf("told %q, want %q", got, want)
	}
	return events
}

var saved = evidence.Result{Folder: "/evidence", Saved: []profile.Kind{profile.Heap, profile.Goroutine}}

func TestIncidentThatReopensWhileItsCaptureRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Rule{Name: "memory", Signal: Memory, Line: ShareOfLimit(0.9), Hold: second})
		s.look(0, memory(905))
		first := s.tells("opened memory")[0].Incident.ID
		s.look(second, memory(100))
		s.look(second, memory(100)) // recovers, and says so after its capture
		s.look(second, memory(905))
		next := s.tells("opened memory")[0].Incident.ID
		if first == next {
			t.Fatal("the same incident")
		}
		if open := s.snapshot().Incidents; len(open) != 1 || open[0].ID != next {
			t.Errorf("open are %v, want %s", open, next)
		}
		s.ends(first, saved)
		events := s.tells("captured memory", "recovered memory")
		for _, e := range events {
			if e.Incident.ID != first || e.Incident.Folder == "" {
				t.Errorf("%s is of %s", e.Kind, e.Incident.ID)
			}
		}
		if got := events[1].Incident; got.Duration != 2*second || got.Peak != 905*mib {
			t.Errorf("it took %v with a peak of %d MiB", got.Duration, got.Peak/mib)
		}
		if len(s.watch.ledger.underway) > 0 {
			t.Error("the guard waits for a capture that has ended")
		}
		// The second shares the evidence, and says whose.
		s.look(second, memory(905))
		got := s.tells("captured memory")[0].Incident
		if got.ID != next || got.EvidenceIn != first || !strings.Contains(got.NotCaptured, first) || got.Folder != "" {
			t.Errorf("whose evidence speaks: %q, %q", got.EvidenceIn, got.NotCaptured)
		}
		s.look(second, memory(100))
		s.look(second, memory(100))
		if got := s.tells("recovered memory")[0].Incident; got.ID != next || got.Recovered.IsZero() {
			t.Errorf("recovered %+v", got)
		}
		if len(s.snapshot().Incidents) > 0 {
			t.Error("an incident is still open")
		}
	})
}

func TestFailedCaptureIsToldOnceAndThenItsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, memory90)
		s.look(0, memory(905))
		id := s.tells("opened memory")[0].Incident.ID
		s.ends(id, evidence.Result{Err: errors.New("disk full")})
		if got := s.tells("captured memory")[0].Incident; got.NotCaptured != "disk full" || got.Folder != "" {
			t.Errorf("got %q, %q", got.NotCaptured, got.Folder)
		}
		s.look(250*time.Millisecond, memory(905))
		s.ends(id, evidence.Result{Err: errors.New("disk full")})
		s.tells() // the retries are the guard's business
		s.look(500*time.Millisecond, memory(905))
		s.ends(id, saved)
		if got := s.tells("captured memory")[0].Incident; got.NotCaptured != "" || got.Folder == "" {
			t.Errorf("got %q, %q", got.NotCaptured, got.Folder)
		}
		if c := s.counters.read(); c.FailedCaptures != 2 || c.Captures != 1 || c.Incidents != 1 {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestEscalationIsToldBeforeItsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, memory90)
		s.look(0, memory(900))
		id := s.tells("opened memory")[0].Incident.ID
		s.ends(id, saved)
		s.look(second, memory(980))
		s.ends(id, saved)
		events := s.tells("captured memory", "escalated memory", "captured memory")
		if e := events[1]; e.Incident.ID != id || !strings.Contains(e.Reason, "980.0 MiB") {
			t.Errorf("escalated %s: %s", e.Incident.ID, e.Reason)
		}
	})
}

// Every decision is in the snapshot, with its reason.
func TestSnapshotSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, memory90, Rule{Name: "goroutines", Signal: Goroutines, Line: Absolute(10)})
		s.look(0, memory(905))
		s.ends(s.tells("opened memory")[0].Incident.ID, saved)
		s.look(minute, all(memory(930), goroutines(5)))
		time.Sleep(second)
		snap := s.snapshot()
		r := snap.Rules[0]
		if !r.Open || r.Peak != 930*mib || r.Value != 930*mib || !strings.Contains(r.Decision, "still covers this") || r.DecidedAgo != second {
			t.Errorf("memory: %+v", r)
		}
		if r := snap.Rules[1]; r.Open || r.Peak != profile.Unknown || r.Value != 5 || r.Decision != "calm" {
			t.Errorf("goroutines: %+v", r)
		}
		if len(snap.Incidents) != 1 || snap.Incidents[0].Duration != minute || snap.Incidents[0].Peak != 930*mib {
			t.Errorf("incidents: %+v", snap.Incidents)
		}
	})
}
