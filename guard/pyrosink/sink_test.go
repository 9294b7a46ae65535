package pyrosink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pprof "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// captured returns the event of a real capture, with a report.
func captured(t *testing.T) guard.Event {
	t.Helper()
	g, err := guard.Start(guard.Config{Dir: filepath.Join(t.TempDir(), "evidence"), Service: "shop{x}", Version: "v7", NoReports: true,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); g.Snapshot().Counters.Baselines < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no baselines")
		}
	}
	inc, err := g.Capture(t.Context(), "test")
	if err := errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(inc.Folder, incident.ReportText)
	if err := os.WriteFile(report, []byte("a.(*B).c (a/b.go:1) holds 1.0 MiB more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := incident.ReadFolder(inc.Folder)
	if err != nil {
		t.Fatal(err)
	}
	m.Suspects = incident.Suspects{{Kind: profile.Heap, Frame: profile.Frame{Function: "example.com/a.(*B).c"}, Accused: true}}
	data, err := m.Encode()
	if err := errors.Join(err, os.WriteFile(filepath.Join(inc.Folder, "manifest.json"), data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return guard.Event{Kind: guard.Captured, Incident: inc}
}

// received is one push as a server reads it.
type received struct {
	name, from, until, format string
	header                    http.Header
	columns                   []string // to be kept
	profile                   *pprof.Profile
}

// pyroscope is a server that reads what Pyroscope's ingest reads, and answers with
// the statuses in their order, then with 200.
type pyroscope struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	requests int
	got      []received
}

func newPyroscope(t *testing.T, statuses ...int) *pyroscope {
	p := &pyroscope{statuses: statuses}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests++
		if len(p.statuses) > 0 {
			status := p.statuses[0]
			p.statuses = p.statuses[1:]
			if status != http.StatusOK {
				http.Error(w, "not now", status)
				return
			}
		}
		got, err := read(r)
		if err != nil || r.URL.Path != "/sub/ingest" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			http.Error(w, "bad", http.StatusBadRequest)
			return
		}
		p.got = append(p.got, got)
	}))
	t.Cleanup(p.Close)
	return p
}

func read(r *http.Request) (got received, err error) {
	q := r.URL.Query()
	got = received{name: q.Get("name"), from: q.Get("from"), until: q.Get("until"), format: q.Get("format"), header: r.Header}
	if r.ContentLength <= 0 {
		return got, errors.New("no length")
	}
	f, _, err := r.FormFile("sample_type_config")
	if err != nil {
		return got, err
	}
	var columns map[string]struct{ Units string }
	if err := json.NewDecoder(f).Decode(&columns); err != nil {
		return got, err
	}
	for name := range columns {
		got.columns = append(got.columns, name)
	}
	slices.Sort(got.columns)
	if f, _, err = r.FormFile("profile"); err != nil {
		return got, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return got, err
	}
	got.profile, err = pprof.Parse(bytes.NewReader(data))
	return got, err
}

func newSink(t *testing.T, p *pyroscope, cfg Config) *Sink {
	t.Helper()
	s, err := New(p.URL+"/sub/", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPush(t *testing.T) {
	e, p := captured(t), newPyroscope(t)
	s := newSink(t, p, Config{Labels: map[string]string{"env": "test,x"}, Header: http.Header{"X-Scope-Orgid": {"tenant"}}})
	for _, kind := range []guard.EventKind{guard.Opened, guard.Captured, guard.Explained, guard.Captured, guard.Recovered} {
		e.Kind = kind
		if err := s.Deliver(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	phases := make(map[string]int)
	for _, got := range p.got {
		for _, want := range []string{"shop_x_{", "env=test_x", "version=v7", "suspect=a.(*B).c", "rule=manual", "incident=" + e.Incident.ID, "host="} {
			if !strings.Contains(got.name, want) {
				t.Errorf("%s is not in the name %s", want, got.name)
			}
		}
		if got.format != "pprof" || got.until == "" || got.from >= got.until || got.header.Get("X-Scope-OrgID") != "tenant" {
			t.Errorf("format %q, from %q until %q, header %v", got.format, got.from, got.until, got.header)
		}
		phase := "incident"
		if strings.Contains(got.name, "phase=baseline") {
			phase = "baseline"
		}
		phases[phase+" "+strings.Join(got.columns, "+")]++
		for _, c := range got.columns {
			if !slices.ContainsFunc(got.profile.SampleType, func(t *pprof.ValueType) bool { return t.Type == c }) {
				t.Errorf("the profile has no column %s", c)
			}
		}
		if len(got.profile.Sample) == 0 {
			t.Errorf("%s is empty", got.name)
		}
	}
	for _, want := range []string{"incident goroutine", "baseline goroutine", "incident inuse_objects+inuse_space", "baseline inuse_objects+inuse_space"} {
		if phases[want] != 1 {
			t.Errorf("%s was pushed %d times, want once: %v", want, phases[want], phases)
		}
	}
	if len(phases) != 4 {
		t.Errorf("pushed %v", phases)
	}
}

// A server that is busy is asked again; one that refuses is not.
func TestRefusals(t *testing.T) {
	e := captured(t)
	busy := newPyroscope(t, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	if err := newSink(t, busy, Config{}).Deliver(t.Context(), e); err != nil || busy.requests != 6 {
		t.Errorf("busy: %v after %d requests, want 6", err, busy.requests)
	}
	refusing := newPyroscope(t, http.StatusRequestEntityTooLarge)
	s := newSink(t, refusing, Config{})
	err := s.Deliver(t.Context(), e)
	if err == nil || !strings.Contains(err.Error(), "status 413: not now") || refusing.requests != 4 {
		t.Errorf("refusing: %v after %d requests, want 4", err, refusing.requests)
	}
	if err := s.Deliver(t.Context(), e); err != nil || refusing.requests != 5 {
		t.Errorf("offered again: %v after %d requests, want 5", err, refusing.requests)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSink(t, busy, Config{}).Deliver(ctx, e); err == nil {
		t.Error("no error when the guard closes")
	}
}

func TestOnly(t *testing.T) {
	e, p := captured(t), newPyroscope(t)
	ours, fails := false, error(nil)
	s := newSink(t, p, Config{Only: func(context.Context, guard.Event) (bool, error) { return ours, fails }})
	if err := s.Deliver(t.Context(), e); err != nil || p.requests != 0 {
		t.Errorf("another speaks: %v, %d requests", err, p.requests)
	}
	fails = errors.New("no bucket")
	if err := s.Deliver(t.Context(), e); !errors.Is(err, fails) || p.requests != 0 {
		t.Errorf("nobody knows: %v, %d requests", err, p.requests)
	}
	ours, fails = true, nil
	if err := s.Deliver(t.Context(), e); err != nil || p.requests != 4 {
		t.Errorf("ours: %v, %d requests", err, p.requests)
	}
}

func TestBounds(t *testing.T) {
	e, p := captured(t), newPyroscope(t)
	if err := newSink(t, p, Config{MaxBytes: 10}).Deliver(t.Context(), e); err != nil || p.requests != 0 {
		t.Errorf("all profiles are too large: %v, %d requests", err, p.requests)
	}
	if err := os.RemoveAll(e.Incident.Folder); err != nil {
		t.Fatal(err)
	}
	if err := newSink(t, p, Config{Wait: time.Millisecond}).Deliver(t.Context(), e); err != nil {
		t.Errorf("evidence that was removed: %v", err)
	}
}

func TestFaults(t *testing.T) {
	_, err := New("ftp://user:secret@host", Config{Labels: map[string]string{"a-b": "", "rule": ""}, MaxBytes: -1, Wait: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"ftp://user:xxxxx@host", `"a-b"`, `"rule"`, "MaxBytes: -1", "Wait: -1ns"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
