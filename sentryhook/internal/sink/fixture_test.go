package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

const testHeadline = "storage.(*Cache).Put (storage/cache.go:42) holds 298.0 MiB more than 1 h ago, 87% of the heap growth"

// when is the time of all incidents in tests.
var when = time.Date(2026, 11, 20, 10, 15, 30, 123_000_000, time.UTC)

// testIncident returns an incident with its evidence in a folder.
func testIncident(t testing.TB) guard.Incident {
	i := guard.Incident{
		ID: "20261120T101530.123Z-memory-7f3a", Rule: "memory", Trigger: incident.TriggerRule,
		Reason: "memory 471.0 MiB, 92% of 512.0 MiB", Opened: when, Duration: 1500 * time.Millisecond,
		Signal: guard.Memory, Value: 471 << 20, Peak: 480 << 20,
		Reading: incident.NewReading(when), Folder: t.TempDir(),
	}
	r := &i.Reading
	r.Limit, r.Unreclaimable, r.HeapLive, r.HeapAlloc, r.RSS = 512<<20, 471<<20, 400<<20, 450<<20, 480<<20
	r.Goroutines, r.Threads = 12_345, 17
	r.CPUTime = time.Second
	for _, name := range []string{"heap", "goroutine"} {
		addProfile(t, &i, name+".pb.gz", name)
	}
	m := incident.Manifest{
		Schema: 1, ID: i.ID, Rule: i.Rule,
		Limits:  []incident.MemoryLimit{{Source: "cgroup v2", Path: "/sys/fs/cgroup/memory.max", Bytes: 512 << 20}},
		Process: incident.Process{Service: "shop", Host: "shop-6d4f-x2x"},
		GoroutineSites: []incident.GoroutineSite{{
			Frame: profile.Frame{Function: "shop/worker.run", File: "worker/run.go", Line: 7}, Wait: "chan receive",
			Count: 12_000, Grown: 11_000, Since: when.Add(-time.Hour),
		}},
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, i.Folder, "manifest.json", data)
	return i
}

func addProfile(t testing.TB, i *guard.Incident, name, kind string) {
	var b bytes.Buffer
	if err := pprof.Lookup(kind).WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	var k profile.Kind
	if err := k.UnmarshalText([]byte(kind)); err != nil {
		t.Fatal(err)
	}
	write(t, i.Folder, name, b.Bytes())
	i.Artefacts = append(i.Artefacts, incident.Artefact{Name: name, Kind: &k, Size: int64(b.Len())})
}

func write(t testing.TB, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeReport(t testing.TB, i guard.Incident) {
	write(t, i.Folder, "report.txt", []byte(testHeadline+"\n\nSuspects\n"))
	write(t, i.Folder, "report.md", []byte("# "+testHeadline+"\n"))
	write(t, i.Folder, "report.html", []byte("<h1>"+testHeadline+"</h1>\n"))
}

func captured(i guard.Incident) guard.Event {
	return guard.Event{Kind: guard.Captured, Incident: i, Time: when, Reason: i.Reason, Report: func(ctx context.Context) guard.Incident {
		for ctx.Err() == nil { // as long as the test has not written it
			if _, err := os.Stat(filepath.Join(i.Folder, "report.txt")); err == nil {
				return explained(i)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return guard.Incident{}
	}}
}

// explained returns the incident with what its report says.
func explained(i guard.Incident) guard.Incident {
	i.Headline = testHeadline
	i.Suspects = incident.Suspects{{
		Kind: profile.Heap, Unit: profile.UnitBytes, Value: incident.Change{After: 298 << 20}, Share: 0.87, Confidence: 0.8, Accused: true,
		Frame: profile.Frame{Function: "example.com/shop/storage.(*Cache).Put", File: "/src/shop/storage/cache.go", Line: 42},
	}}
	return i
}

// newTestSink returns a sink that sends to the server, without waiting between
// attempts.
func newTestSink(t testing.TB, o sentry.ClientOptions, cfg Config) (*Sink, *sentry.Hub) {
	t.Helper()
	client, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	s, err := New(hub, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Backoff = []time.Duration{time.Millisecond, time.Millisecond}
	return s, hub
}

func deliver(t testing.TB, s *Sink, e guard.Event) {
	t.Helper()
	if err := s.Deliver(context.Background(), e); err != nil {
		t.Errorf("%v: %v", e.Kind, err)
	}
}

func wantStats(t testing.TB, s *Sink, want Stats) {
	t.Helper()
	got := s.Stats()
	if want.AttachmentBytes == 0 {
		got.AttachmentBytes = 0
	}
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// wire is a server in memory, for tests with fake time.
type wire func(*http.Request) int

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: w(r), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: r}, nil
}

// inBubble returns the options of a client that has no goroutine.
func inBubble(w wire) sentry.ClientOptions {
	return sentry.ClientOptions{
		Dsn: "http://key@sentry.invalid/42", HTTPTransport: w, Transport: sentry.NewHTTPSyncTransport(),
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil },
	}
}

func itemsOf(t testing.TB, r *http.Request) []relaytest.Item {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	items, err := relaytest.Parse(data)
	if err != nil {
		t.Error(err)
	}
	return items
}
