package sink

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// With a real guard and a real SDK, what a capture saves arrives. What did not arrive is
// offered again after the next start, once.
func TestSinkOfAGuard(t *testing.T) {
	server := relaytest.New(t, 0)
	cfg := guard.Config{Dir: t.TempDir() + "/evidence", Rules: []guard.Rule{}, Logger: slog.New(slog.DiscardHandler), Service: "shop"}
	start := func() *guard.Guard {
		t.Helper()
		s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{})
		cfg.Sinks = []guard.Sink{s}
		g, err := guard.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("still not: %s", what)
			}
		}
	}
	server.Respond(func(relaytest.Request) (int, http.Header) { return 503, nil })
	g := start()
	inc, err := g.Capture(t.Context(), "before the release")
	if err != nil {
		t.Fatal(err)
	}
	until("refused", func() bool { return g.Snapshot().Counters.SinkFailures > 0 })
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	server.Respond(nil)

	g = start()
	until("attachments after the next start", func() bool { return len(server.Accepted("attachment")) >= 2 })
	until("recorded", func() bool {
		data, err := os.ReadFile(filepath.Join(g.Store().Dir(), inc.ID, "delivery.json"))
		var d struct {
			Sinks map[string][]struct{ Event string }
		}
		return err == nil && json.Unmarshal(data, &d) == nil &&
			slices.ContainsFunc(d.Sinks["sentry"], func(a struct{ Event string }) bool { return a.Event == "captured" })
	})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	events := server.Accepted("event")
	if len(events) != 1 || !strings.Contains(string(events[0].Body), "captured by hand: before the release") {
		t.Fatalf("%d events, want the capture's: %v", len(events), events)
	}
	if !strings.Contains(string(events[0].Body), `"leakguard.service":"shop"`) {
		t.Error("the manifest was not read")
	}

	posts := len(server.Requests())
	g = start()
	if _, err := g.Capture(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	until("another event", func() bool { return len(server.Accepted("event")) > 1 })
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for _, e := range server.Accepted("event")[1:] {
		if e.EventID == events[0].EventID {
			t.Errorf("offered again although it was accepted; %d posts before", posts)
		}
	}
}
