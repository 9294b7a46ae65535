package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestPanickingSink(t *testing.T) {
	good := newMailbox("good")
	g, book := startGuard(t, Config{NoReports: true, Sinks: []Sink{
		sinkFunc{"bad", func(context.Context, Event) error { panic("out of order") }}, good,
	}})
	for range 3 {
		mustCapture(t, g)
		good.next(t, Opened)
		good.next(t, Captured)
	}
	waitFor(t, "six failures", func() bool { return g.Snapshot().Counters.SinkFailures == 6 })
	if c := g.Snapshot().Counters; c.Panics != 6 || c.Delivered != 6 {
		t.Errorf("%d panics, %d delivered, want 6 of each", c.Panics, c.Delivered)
	}
	book.once(t, "sink bad panicked: out of order")
}

func TestBlockingSink(t *testing.T) {
	unblock := make(chan struct{})
	good := newMailbox("good")
	g, _ := startUnchecked(t, "/", Config{CloseTimeout: 300 * time.Millisecond, Sinks: []Sink{
		sinkFunc{"stuck", func(context.Context, Event) error { <-unblock; return nil }}, good,
	}})
	before := goleak.IgnoreCurrent()
	for range 3 {
		mustCapture(t, g)
		good.next(t, Opened)
		good.next(t, Captured)
	}
	start := time.Now()
	err := g.Close()
	if err == nil || !strings.Contains(err.Error(), "sink stuck has not returned after 300ms") || strings.Contains(err.Error(), "good") {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	// Nothing but the sink's own goroutine is left.
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("github.com/leakguard/leakguard/guard/internal/outbox.(*Box).deliver")); err != nil {
		t.Error(err)
	}
	for _, what := range descriptors(t) {
		if strings.Contains(what, g.Store().Dir()) {
			t.Errorf("after Close %s is open", what)
		}
	}
	if again := g.Close(); again == nil || again.Error() != err.Error() {
		t.Errorf("a second Close: %v", again)
	}
	close(unblock)
}

func TestOverdueSinkIsTold(t *testing.T) {
	unblock := make(chan struct{})
	usual := deliverTimeout
	t.Cleanup(func() { deliverTimeout = usual })
	deliverTimeout = time.Millisecond
	g, book := startGuard(t, Config{NoReports: true, Sinks: []Sink{
		sinkFunc{"slow", func(context.Context, Event) error { <-unblock; return errors.New("at last") }},
	}})
	mustCapture(t, g)
	waitFor(t, "the failure", func() bool { return g.Snapshot().Counters.SinkFailures == 1 })
	close(unblock)
	waitFor(t, "both to return", func() bool { return g.Snapshot().Counters.SinkFailures == 2 })
	book.once(t, "slow has not returned after 1ms")
}

func TestQueueOverflowIsCounted(t *testing.T) {
	unblock := make(chan struct{})
	good := newMailbox("good")
	g, book := startGuard(t, Config{Sinks: []Sink{
		sinkFunc{"stuck", func(context.Context, Event) error { <-unblock; return nil }}, good,
	}})
	const sent = 3 * mostEvents
	for i := range sent { // without folders: there is nothing to read them from
		g.sinks.send(Event{Kind: Opened, Incident: Incident{ID: fmt.Sprint(i)}})
		good.next(t, Opened)
	}
	waitFor(t, "drops", func() bool { return g.Snapshot().Counters.DroppedEvents > 0 })
	close(unblock)
	waitFor(t, "every event to be accounted for", func() bool {
		c := g.Snapshot().Counters
		return c.Delivered+c.DroppedEvents == 2*sent
	})
	// One was in the sink's hands, and what memory holds was waiting.
	if c := g.Snapshot().Counters; c.DroppedEvents < sent-mostEvents-1 || c.DroppedEvents > sent-mostEvents+1 {
		t.Errorf("%d of %d were dropped, want all but %d", c.DroppedEvents, sent, mostEvents)
	}
	book.once(t, "events were dropped")
}

func TestEventsOfAnIncidentArriveInOrder(t *testing.T) {
	box := newMailbox("box")
	slow := sinkFunc{"slow", func(ctx context.Context, e Event) error {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		return box.Deliver(ctx, e)
	}}
	const many = 1000
	g, _ := startGuard(t, Config{
		Interval: 10 * time.Millisecond, Sinks: []Sink{slow}, CapturesPerHour: 100, NoReports: true,
		Rules: []Rule{{Name: "crowd", Signal: Goroutines, Line: Absolute(many), Hold: 20 * time.Millisecond, Cooldown: time.Nanosecond}},
	})
	seen := make(map[string]bool)
	for range 3 {
		dismiss := crowd(many)
		opened := box.next(t, Opened)
		captured := box.next(t, Captured)
		dismiss()
		settle(t, many/2)
		recovered := box.next(t, Recovered)
		id := opened.Incident.ID
		if captured.Incident.ID != id || recovered.Incident.ID != id || seen[id] {
			t.Errorf("events of %s, %s and %s", id, captured.Incident.ID, recovered.Incident.ID)
		}
		seen[id] = true
		if opened.Incident.Folder != "" || captured.Incident.Folder == "" || !opened.Incident.Recovered.IsZero() || recovered.Incident.Recovered.IsZero() {
			t.Errorf("an event does not tell how things stood then: %+v", []Event{opened, captured, recovered})
		}
		if recovered.Incident.Duration <= 0 || recovered.Incident.Peak < many {
			t.Errorf("recovered after %v with peak %d", recovered.Incident.Duration, recovered.Incident.Peak)
		}
	}
	if n := len(g.Snapshot().Incidents); n != 0 {
		t.Errorf("%d incidents are open", n)
	}
	// Also when they come faster than the sink takes them.
	const quick = 60
	for i := range quick {
		g.sinks.send(Event{Kind: Escalated, Incident: Incident{ID: "quick"}, Reason: fmt.Sprint(i)})
	}
	for i := range quick {
		if e := box.next(t, Escalated); e.Reason != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, e.Reason)
		}
	}
}

// A sink may use the guard that calls it, also while that is closed.
func TestSinkThatUsesTheGuard(t *testing.T) {
	var g *Guard
	ready, done := make(chan struct{}), make(chan error, 100)
	g, _ = startGuard(t, Config{Sinks: []Sink{sinkFunc{"curious", func(ctx context.Context, e Event) error {
		<-ready
		g.Snapshot()
		g.History(time.Time{})
		<-ctx.Done() // Close has begun
		<-g.loop.finished
		g.Snapshot()
		_, err := g.Capture(context.Background(), "from a sink")
		done <- err
		return nil
	}}}})
	close(ready)
	mustCapture(t, g)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Capture: %v", err)
	}
}

func TestSinkThatClosesTheGuard(t *testing.T) {
	var g *Guard
	ready, done := make(chan struct{}), make(chan error, 100)
	// What goes on after Close has given up must not write into a folder that is removed.
	g, _ = startUnchecked(t, "/", Config{CloseTimeout: 200 * time.Millisecond, NoReports: true, Sinks: []Sink{
		sinkFunc{"bold", func(context.Context, Event) error { <-ready; done <- g.Close(); return nil }},
	}})
	mustCapture(t, g)
	close(ready)
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "sink bold") {
			t.Errorf("Close: %v", err)
		}
	case <-time.After(longWait):
		t.Fatal("a sink that closes the guard waits for itself")
	}
}

// badHandler is a log handler with a fault.
type badHandler struct {
	logBook
	fault func()
}

func (b *badHandler) Handle(context.Context, slog.Record) error { b.fault(); return nil }
func (b *badHandler) WithAttrs([]slog.Attr) slog.Handler        { return b }

func TestPanickingLogger(t *testing.T) {
	box := newMailbox("box")
	bad := &badHandler{fault: func() { panic("no log today") }}
	g, _ := startGuard(t, Config{Logger: slog.New(bad), Rules: []Rule{always}, Sinks: []Sink{
		box, sinkFunc{"bad", func(context.Context, Event) error { return errors.New("no") }},
	}})
	box.next(t, Opened)
	wants(t, box.next(t, Captured).Incident, "heap.pb.gz", "manifest.json")
	if g.Snapshot().Counters.Panics == 0 {
		t.Error("the panics are not counted")
	}
}

// incomparable is a sink whose values cannot be compared.
type incomparable struct{ deliver func(Event) error }

func (incomparable) Name() string { return "relay" }

func (s incomparable) Deliver(_ context.Context, e Event) error { return s.deliver(e) }

// What such a sink has not accepted is offered to it again like to any other.
func TestRedeliveryToASinkThatCannotBeCompared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	down := func(Event) error { return errors.New("down") }
	g := startWith(t, dir, incomparable{down})
	mustCapture(t, g)
	waitFor(t, "the failures", func() bool { return g.Snapshot().Counters.SinkFailures >= 2 })
	mustClose(t, g)
	again := make(chan Event, 100)
	g = startWith(t, dir, incomparable{func(e Event) error { again <- e; return nil }})
	if e := <-again; !e.Redelivered {
		t.Errorf("got %+v, want an event of the earlier process", e)
	}
	mustClose(t, g)
}
