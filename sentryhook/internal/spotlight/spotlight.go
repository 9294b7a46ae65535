// Package spotlight tests that another reader understands what sentryhook sends:
// Spotlight, Sentry's viewer for development. It uses the SDK that its importer's module
// requires, the one that profiles or the newest.
package spotlight

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook"
)

// Run sends a transaction, with a profile if the SDK takes them, an event with an
// attachment, and a guard's incident with its evidence, and checks what Spotlight has
// parsed. It leaves the SDK's recorder running, so a package that calls it should have no
// other test that this would disturb.
func Run(t *testing.T) {
	s := start(t)
	o := sentry.ClientOptions{Dsn: s.dsn, EnableTracing: true, TracesSampleRate: 1}
	rate := reflect.ValueOf(&o).Elem().FieldByName("ProfilesSampleRate") // v0.30.0 has it
	if rate.IsValid() {
		rate.SetFloat(1)
	}
	transport, err := sentryhook.Configure(&o, sentryhook.TransportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	t.Run("Transaction", func(t *testing.T) { testTransaction(t, s, hub, rate.IsValid()) })
	t.Run("Event", func(t *testing.T) { testEvent(t, s, hub) })
	t.Run("Incident", func(t *testing.T) { testIncident(t, s, hub) })

	stats := transport.Stats()
	// Without a profile everything fits, and is sent as it is.
	if stats.PassedOn != 0 || rate.IsValid() && stats.WireBytesOut >= stats.BytesIn {
		t.Errorf("the transport passed %d on unread, and made %d bytes of %d: Spotlight was not shown what it does", stats.PassedOn, stats.WireBytesOut, stats.BytesIn)
	}
	if rate.IsValid() && stats.Compacted != 1 {
		t.Errorf("%d profiles were compacted, want 1: %+v", stats.Compacted, stats)
	}
}

func testTransaction(t *testing.T, s *server, hub *sentry.Hub, profiled bool) {
	stop := make(chan struct{})
	defer close(stop)
	for range 50 {
		go func() { <-stop }()
	}
	ctx := sentry.SetHubOnContext(context.Background(), hub)
	tx := sentry.StartTransaction(ctx, "GET /spotlight")
	child := tx.StartChild("work")
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	child.Finish()
	tx.Finish()
	hub.Flush(10 * time.Second)

	got := s.wait(t, "a transaction", func(it item) bool { return it.Header.Type == "transaction" })
	var parsed struct {
		Transaction string
		Spans       []struct{ Op string }
	}
	unmarshal(t, got, &parsed)
	if parsed.Transaction != "GET /spotlight" || len(parsed.Spans) != 1 || parsed.Spans[0].Op != "work" {
		t.Errorf("parsed as %+v", parsed)
	}
	if !profiled {
		return
	}
	profile := s.wait(t, "a profile", func(it item) bool { return it.Header.Type == "profile" && it.EventID == got.EventID })
	var p struct {
		Version     string
		Transaction struct{ ID string }
		Profile     struct {
			Samples []struct {
				Stack int `json:"stack_id"`
			}
			Stacks [][]int
			Frames []struct{ Function string }
		}
	}
	unmarshal(t, profile, &p)
	if p.Version != "1" || p.Transaction.ID != got.EventID || len(p.Profile.Samples) < 50 {
		t.Errorf("version %q, transaction %q, %d samples", p.Version, p.Transaction.ID, len(p.Profile.Samples))
	}
	found := false
	for _, sample := range p.Profile.Samples {
		for _, frame := range p.Profile.Stacks[sample.Stack] {
			found = found || p.Profile.Frames[frame].Function == "testTransaction"
		}
	}
	if !found {
		t.Error("no sample leads to the function that was profiled")
	}
}

func testEvent(t *testing.T, s *server, hub *sentry.Hub) {
	want := []byte("line 1\nline 2\x00\xff\n\n")
	hub.WithScope(func(scope *sentry.Scope) {
		scope.AddAttachment(&sentry.Attachment{Filename: "note.bin", ContentType: "application/octet-stream", Payload: want})
		event := sentry.NewEvent()
		event.Message = "a message " + strings.Repeat("that compresses ", 100)
		if hub.CaptureEvent(event) == nil {
			t.Fatal("the SDK took no event")
		}
	})
	hub.Flush(10 * time.Second)

	got := s.wait(t, "an event", func(it item) bool { return it.Header.Type == "event" })
	var parsed struct{ Message string }
	if unmarshal(t, got, &parsed); !strings.HasPrefix(parsed.Message, "a message that") {
		t.Errorf("parsed as %+v", parsed)
	}
	s.attachment(t, got.EventID, "note.bin", want)
}

func testIncident(t *testing.T, s *server, hub *sentry.Hub) {
	sink, err := sentryhook.NewSink(hub, sentryhook.SinkConfig{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.Start(guard.Config{
		Dir: filepath.Join(t.TempDir(), "evidence"), Rules: []guard.Rule{}, Sinks: []guard.Sink{sink},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	incident, err := g.Capture(t.Context(), "for Spotlight")
	if err != nil {
		t.Fatal(err)
	}
	got := s.wait(t, "an incident", func(it item) bool {
		return it.Header.Type == "event" && bytes.Contains(it.Payload, []byte("for Spotlight"))
	})
	for _, name := range []string{"goroutine.pb.gz", "heap.pb.gz"} {
		want, err := os.ReadFile(filepath.Join(incident.Folder, name))
		if err != nil {
			t.Fatal(err)
		}
		s.attachment(t, got.EventID, name, want)
	}
}

// attachment waits for an attachment and compares it.
func (s *server) attachment(t *testing.T, event, name string, want []byte) {
	t.Helper()
	got := s.wait(t, name, func(it item) bool {
		return it.Header.Type == "attachment" && it.Header.Filename == name && it.EventID == event
	})
	var parsed struct{ Data []byte } // base64
	if unmarshal(t, got, &parsed); !bytes.Equal(parsed.Data, want) {
		t.Errorf("%s has %d bytes %.50q, want %d bytes %.50q", name, len(parsed.Data), parsed.Data, len(want), want)
	}
}

func unmarshal(t *testing.T, it item, v any) {
	t.Helper()
	if err := json.Unmarshal(it.Payload, v); err != nil {
		t.Fatalf("%s: %v: %.300s", it.Header.Type, err, it.Payload)
	}
}
