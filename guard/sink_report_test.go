package guard

import (
	"context"
	"testing"
	"time"
)

// Nobody waits for a report that will not come, however the guard ends.
func TestAwaitReportEndsWithTheGuard(t *testing.T) {
	begun := make(chan struct{}, 10)
	sink := sinkFunc{"awaits", func(_ context.Context, e Event) error {
		if e.Kind == Captured {
			begun <- struct{}{}
			e.AwaitReport(context.Background())
		}
		return nil
	}}
	g, _ := startUnchecked(t, "/", Config{Dir: t.TempDir(), Sinks: []Sink{sink}, CloseTimeout: longWait})
	g.inLoop(t.Context(), func() { g.loop.explanations.after = 1 << 62 }) // it never gets round to it
	if _, err := g.Capture(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := g.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if r := g.sinks.reports.expect("later"); r != nil {
		t.Error("a report is expected of a guard that is closed")
	}
}

// A sink may change what it was given.
func TestEventsAreTheSinksOwn(t *testing.T) {
	changed := make(chan Event, 10)
	sink := sinkFunc{"changes", func(ctx context.Context, e Event) error {
		i := e.AwaitReport(ctx)
		for n := range i.Artefacts {
			i.Artefacts[n].Name = "changed"
		}
		for n := range i.Suspects {
			i.Suspects[n].Reasons = nil
			i.Suspects[n].Frame.Function = "changed"
		}
		changed <- e
		return nil
	}}
	box := newMailbox("box")
	g, _ := startUnchecked(t, "/", Config{Dir: t.TempDir(), Sinks: []Sink{sink, box}})
	i, err := g.Capture(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	explained := box.nextExplained(t).Incident
	for deadline := time.Now().Add(longWait); len(changed) < 3 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	mustClose(t, g)
	m, err := g.Store().Incident(i.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(m.Suspects, explained.Suspects...) {
		if s.Frame.Function == "changed" {
			t.Error("a sink has changed the suspects of the guard")
		}
	}
	for _, a := range append(m.Artefacts, explained.Artefacts...) {
		if a.Name == "changed" {
			t.Error("a sink has changed the artefacts of the guard")
		}
	}
}
