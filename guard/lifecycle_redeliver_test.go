package guard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func init() { children["die"] = dieChild }

// startWith starts a guard on the folder that tells the sinks, without rules.
func startWith(t *testing.T, dir string, sinks ...Sink) *Guard {
	t.Helper()
	g, _ := startUnchecked(t, "/", Config{Dir: dir, Sinks: sinks})
	return g
}

// settled waits until nothing is left to be offered: the keeper has done what
// Start gave it, and the queues are empty.
func settled(t *testing.T, g *Guard) {
	t.Helper()
	done := make(chan struct{})
	g.keeper.do(func() { close(done) })
	<-done
	waitFor(t, "the outbox to empty", g.sinks.box.Settled)
}

func mustClose(t *testing.T, g *Guard) {
	t.Helper()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestRedeliveryAfterRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	refused := make(chan struct{}, 100)
	deaf := sinkFunc{"relay", func(context.Context, Event) error { refused <- struct{}{}; return errors.New("down") }}
	other := newMailbox("other")
	g := startWith(t, dir, deaf, other)
	i := mustCapture(t, g)
	<-refused
	<-refused
	other.next(t, Opened)
	other.next(t, Captured)
	waitFor(t, "deliveries to be booked", func() bool { return g.Snapshot().Counters.Delivered >= 2 })
	mustClose(t, g)

	// The relay is up again, and gets both; the other sink has them already,
	// 'opened' from before there was a folder to record it in.
	relay := newMailbox("relay")
	g = startWith(t, dir, relay, other)
	for _, kind := range []EventKind{Opened, Captured} {
		e := relay.next(t, kind)
		if !e.Redelivered || e.Incident.ID != i.ID || e.Incident.Folder != i.Folder || e.Incident.Reason != "test" {
			t.Errorf("offered again: %+v", e)
		}
	}
	waitFor(t, "deliveries to be booked", func() bool { return g.Snapshot().Counters.Delivered >= 2 })
	settled(t, g)
	mustClose(t, g)
	relay.empty(t)
	other.empty(t)

	// And not a second time.
	g = startWith(t, dir, relay, other)
	settled(t, g)
	mustClose(t, g)
	relay.empty(t)
	other.empty(t)
}

// dieChild captures and dies while its sink has not accepted anything.
func dieChild(args []string) {
	stuck := sinkFunc{"relay", func(context.Context, Event) error { select {} }}
	g := must(Start(Config{Dir: args[0], Rules: []Rule{}, Sinks: []Sink{stuck}}))
	i := must(g.Capture(context.Background(), "before the end"))
	fmt.Println(i.ID)
	select {} // until killed
}

func TestRedeliveryAfterDeath(t *testing.T) {
	nothingLeft(t)
	dir := filepath.Join(t.TempDir(), "evidence")
	cmd := child(t, "die", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	fmt.Fscan(out, &id)

	relay := newMailbox("relay")
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Fatalf("the child ended: %v", err)
	}
	g := startWith(t, dir, relay)
	// The death itself is told when its evidence is explained, which may have been
	// done before it.
	for got := map[EventKind]bool{}; len(got) < 3; {
		select {
		case e := <-relay.events:
			if got[e.Kind] = true; e.Kind != PreviousDeath && (!e.Redelivered || e.Incident.ID != id) {
				t.Errorf("offered again: %+v", e)
			}
		case <-time.After(longWait):
			t.Fatalf("got %v only", got)
		}
	}
	waitFor(t, "deliveries to be booked", func() bool { return g.Snapshot().Counters.Delivered >= 3 })
	mustClose(t, g)
	g = startWith(t, dir, relay)
	settled(t, g)
	mustClose(t, g)
	relay.empty(t)
}
