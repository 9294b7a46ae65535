package blobsink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const headline = "shop.(*Cart).add (shop/cart.go:42) holds 96.0 MiB more than 1 h ago, 98% of the heap growth"

// captured is the evidence of a real capture.
var captured = sync.OnceValues(func() (folder string, err error) {
	dir, err := os.MkdirTemp("", "blobsink")
	if err != nil {
		return "", err
	}
	g, err := guard.Start(guard.Config{Dir: filepath.Join(dir, "evidence"), Service: "shop", Version: "v7", NoReports: true,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	inc, err := g.Capture(context.Background(), "test")
	return inc.Folder, errors.Join(err, g.Close())
})

// tests removes what the tests share when they have run.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if folder, err := captured(); err == nil {
		os.RemoveAll(filepath.Dir(filepath.Dir(folder)))
	}
	return code
}

func TestMain(m *testing.M) { guardtest.Main(tests{m}) }

// newIncident returns the event of an incident on a host, in a separate folder.
func newIncident(t testing.TB, dir, host string) guard.Event {
	t.Helper()
	from, err := captured()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, host)
	entries, err := os.ReadDir(from)
	err = errors.Join(err, os.Mkdir(folder, 0o700))
	for _, e := range entries {
		if e.Name() != "manifest.json" {
			err = errors.Join(err, os.Link(filepath.Join(from, e.Name()), filepath.Join(folder, e.Name())))
		}
	}
	text, readErr := os.ReadFile(filepath.Join(from, "manifest.json"))
	m, parseErr := incident.ReadManifest(bytes.NewReader(text))
	m.Process.Host = host
	m.Suspects = incident.Suspects{{Kind: profile.Heap, Frame: profile.Frame{Function: "example.com/shop.(*Cart).add"}, Accused: true}}
	text, encodeErr := m.Encode()
	err = errors.Join(err, readErr, parseErr, encodeErr,
		os.WriteFile(filepath.Join(folder, "manifest.json"), text, 0o600),
		os.WriteFile(filepath.Join(folder, incident.ReportText), []byte(headline+"\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return guard.Event{Kind: guard.Captured, Incident: guard.Incident{ID: m.ID + "-" + host, Folder: folder, Artefacts: m.Artefacts}}
}

func newSink(t testing.TB, b *blob.Bucket, cfg Config) *Sink {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFleet simulates 10,000 processes of one release with one bucket, each with
// its own incident that names the same suspect.
func TestFleet(t *testing.T) {
	const pods = 10_000
	store, dir := newStore(), t.TempDir()
	bucket := store.bucket()
	defer bucket.Close()
	events := make([]guard.Event, pods)
	var each int64
	for i := range events {
		events[i] = newIncident(t, dir, fmt.Sprintf("shop-%05d", i))
	}
	for _, a := range events[0].Incident.Artefacts {
		each += a.Size
	}
	var wg sync.WaitGroup
	var next, failed atomic.Int64
	for range 64 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= pods {
					return
				}
				sink := newSink(t, bucket, Config{}) // each process has its own
				for _, kind := range []guard.EventKind{guard.Opened, guard.Captured, guard.Explained, guard.Recovered} {
					e := events[i]
					e.Kind = kind
					if err := sink.Deliver(t.Context(), e); err != nil {
						failed.Add(1)
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	whole := store.places("manifest.json")
	if len(whole) != defaultPlaces || len(store.places("claim.json")) != defaultPlaces || failed.Load() != 0 {
		t.Errorf("%d places are whole and %d claimed, want %d: %q", len(whole), len(store.places("claim.json")), defaultPlaces, whole)
	}
	requests := len(store.order) + store.refused + store.reads
	t.Logf("%d processes, an incident of %v in each: %d requests (%d refused claims), %v sent, %d incidents kept; without claims %v",
		pods, profile.Bytes(each), requests, store.refused, profile.Bytes(store.received), len(whole), profile.Bytes(each*pods))
	if requests > pods+100 || store.received > 10*each+300*pods {
		t.Errorf("%d requests and %v for %d incidents of %v", requests, profile.Bytes(store.received), len(whole), profile.Bytes(each))
	}
	for _, place := range whole {
		if !strings.HasPrefix(place, "leakguard/shop/v7/manual-shop.__Cart_.add-") {
			t.Errorf("a place is %q", place)
		}
		manifest := slices.Index(store.order, place+"/manifest.json")
		for _, a := range append(events[0].Incident.Artefacts, incident.Artefact{Name: incident.ReportText, Size: int64(len(headline) + 1)}) {
			if got := store.objects[place+"/"+a.Name]; int64(len(got)) != a.Size {
				t.Errorf("%s/%s has %d bytes, want %d", place, a.Name, len(got), a.Size)
			}
			if at := slices.Index(store.order, place+"/"+a.Name); at > manifest {
				t.Errorf("%s came after the manifest", a.Name)
			}
		}
	}
}

// TestRealBuckets uses the real drivers for a folder and for memory.
func TestRealBuckets(t *testing.T) {
	folder := t.TempDir()
	files, err := fileblob.OpenBucket(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bucket := range map[string]*blob.Bucket{"fileblob": files, "memblob": memblob.OpenBucket(nil)} {
		t.Run(name, func(t *testing.T) {
			defer bucket.Close()
			dir := t.TempDir()
			first, second := newIncident(t, dir, "a"), newIncident(t, dir, "b")
			for _, e := range []guard.Event{first, second} {
				if err := newSink(t, bucket, Config{Places: 1}).Deliver(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			var names []string
			list := bucket.List(nil)
			for {
				o, err := list.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, filepath.Base(o.Key))
				if strings.HasSuffix(o.Key, "/manifest.json") {
					r, err := bucket.NewReader(t.Context(), o.Key, nil)
					if err != nil {
						t.Fatal(err)
					}
					m, err := incident.ReadManifest(r)
					r.Close()
					if err != nil || m.Process.Host != "a" {
						t.Errorf("the manifest is of host %q: %v", m.Process.Host, err)
					}
				}
			}
			if want := len(first.Incident.Artefacts) + 3; len(names) != want { // report, claim, manifest
				t.Errorf("%d objects, want %d: %q", len(names), want, names)
			}
		})
	}
}

// Whatever fails on the way, a place is complete or has no manifest, and a retry
// completes it.
func TestWholeOrAbsent(t *testing.T) {
	for _, broken := range []string{"claim.json", "heap.pb.gz", "goroutine.pb.gz", incident.ReportText, "manifest.json"} {
		for _, op := range []string{"write", "answer"} {
			t.Run(op+" "+broken, func(t *testing.T) {
				store, e := newStore(), newIncident(t, t.TempDir(), "a")
				failing := true
				store.fail = func(at, key string) error {
					if failing && at == op && strings.HasSuffix(key, "/"+broken) {
						return errDenied
					}
					return nil
				}
				bucket := store.bucket()
				defer bucket.Close()
				if err := newSink(t, bucket, Config{}).Deliver(t.Context(), e); err == nil || !strings.Contains(err.Error(), "denied") {
					t.Fatalf("got %v", err)
				}
				if n := len(store.places("manifest.json")); n != 0 && broken != "manifest.json" {
					t.Error("a place that is not whole has a manifest")
				}
				failing = false
				e.Redelivered = true // as the next process would
				if err := newSink(t, bucket, Config{}).Deliver(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if n := len(store.places("manifest.json")); n != 1 {
					t.Errorf("%d whole places after another try", n)
				}
			})
		}
	}
}

// A busy store is asked again at growing intervals. If the answer to a write is
// lost, the place has still been claimed.
func TestLostAnswer(t *testing.T) {
	e := newIncident(t, t.TempDir(), "a")
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		times := 0
		store.fail = func(op, key string) error {
			if op != "read" && strings.HasSuffix(key, "/claim.json") && times < 3 {
				times++
				return errBusy
			}
			return nil
		}
		store.fail("answer", "x/claim.json") // the first write succeeds, but its answer is lost
		bucket := store.bucket()
		defer bucket.Close()
		if err := newSink(t, bucket, Config{}).Deliver(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if n := len(store.places("manifest.json")); n != 1 {
			t.Errorf("%d whole places", n)
		}

		store.fail = func(string, string) error { return errBusy }
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		again := e
		again.Incident.ID = "another"
		err := newSink(t, bucket, Config{Prefix: "other/"}).Deliver(ctx, again)
		if err == nil || !strings.Contains(err.Error(), "slow down") || !strings.Contains(err.Error(), "attempts") {
			t.Errorf("a store that is always busy: %v", err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("given up after %v", took)
		}
	})
}

// Later evidence is added only by the process that holds the place.
func TestLaterEvidence(t *testing.T) {
	store, dir := newStore(), t.TempDir()
	bucket := store.bucket()
	defer bucket.Close()
	a, b := newIncident(t, dir, "a"), newIncident(t, dir, "b")
	has, hasNot := newSink(t, bucket, Config{Places: 1}), newSink(t, bucket, Config{Places: 1})
	for _, c := range []struct {
		sink *Sink
		e    guard.Event
		want bool
	}{{has, a, true}, {hasNot, b, false}, {has, a, true}, {hasNot, b, false}} {
		if got, err := c.sink.Claim(t.Context(), c.e); got != c.want || err != nil {
			t.Errorf("%s: claimed %v, %v", c.e.Incident.ID, got, err)
		}
		if err := c.sink.Deliver(t.Context(), c.e); err != nil {
			t.Fatal(err)
		}
	}
	if store.refused != 1 {
		t.Errorf("%d claims were refused, want 1 that is remembered", store.refused)
	}
	before := len(store.order)
	if err := os.WriteFile(filepath.Join(a.Incident.Folder, incident.ReportHTML), []byte("<p>"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Kind = guard.Explained
	if err := has.Deliver(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	var added []string
	for _, key := range store.order[before:] {
		added = append(added, filepath.Base(key))
	}
	if !slices.Equal(added, []string{incident.ReportHTML, "manifest.json"}) {
		t.Errorf("added %q", added)
	}
}

func TestBounds(t *testing.T) {
	store, e := newStore(), newIncident(t, t.TempDir(), "a")
	bucket := store.bucket()
	defer bucket.Close()
	var log bytes.Buffer
	s := newSink(t, bucket, Config{MaxBytes: 200, Wait: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := s.Deliver(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if len(store.places("heap.pb.gz")) != 0 || len(store.places(incident.ReportText)) != 1 || len(store.places("manifest.json")) != 1 {
		t.Errorf("objects %q", store.order)
	}
	if !strings.Contains(log.String(), "file=heap.pb.gz") || !strings.Contains(log.String(), "MaxBytes") {
		t.Errorf("log %q", log.String())
	}
	gone := newIncident(t, t.TempDir(), "b")
	if err := os.RemoveAll(gone.Incident.Folder); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), gone); err != nil {
		t.Errorf("evidence that was removed: %v", err)
	}
}

func TestFaults(t *testing.T) {
	_, err := New(nil, Config{Places: -1, Window: time.Second, MaxBytes: -1, Wait: -1, Prefix: "../x"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"no bucket", "Places: -1", "Window: 1s", "MaxBytes: -1", "Wait: -1ns", `Prefix: "../x"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
