package transport

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// TestRealProfiles checks what compaction promises with profiles that sentry-go v0.30.0
// really sends.
func TestRealProfiles(t *testing.T) {
	dir := os.Getenv("SENTRYHOOK_TEST_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	if !inChild(t, "SENTRYHOOK_TEST_DIR="+dir) {
		record(t, dir)
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.envelope"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d envelopes recorded, want 3: %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		items, err := relaytest.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		profile := relaytest.Find(items, "profile")
		if profile == nil {
			t.Fatalf("%s: no profile in it", file)
		}
		if _, err := relaytest.Accepts(profile); err != nil {
			t.Fatalf("Relay would refuse what the SDK sends: %v", err)
		}
		out := compacted(t, profile)
		relaytest.CheckLossless(t, profile, out, false)
		if trees, err := relaytest.CallTrees(profile); err != nil || !strings.Contains(trees, "burn") {
			t.Errorf("%s: the active thread does not work: %v", file, err)
		}
		if len(out) > len(profile)/2 {
			t.Errorf("%s: %d bytes became %d", file, len(profile), len(out))
		}
		r := relaytest.New(t, 1<<20)
		tr := newTransport(t, Config{})
		r.Post(t, tr, body)
		got := r.Last(t)
		if got.Status != 200 || string(got.Item("profile")) != string(out) || string(got.Item("transaction")) != string(relaytest.Find(items, "transaction")) {
			t.Errorf("%s: status %d, %d items", file, got.Status, len(got.Items))
		}
		t.Logf("%s: %d -> %d bytes, %d on the wire", filepath.Base(file), len(body), len(got.Body), got.Wire)
	}
}

// record writes the envelopes of three transactions: beside parked goroutines, working
// ones, and ones that come and go.
func record(t *testing.T, dir string) {
	var mu sync.Mutex
	n := 0
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: "http://key@127.0.0.1/1", EnableTracing: true, TracesSampleRate: 1, ProfilesSampleRate: 1,
		HTTPTransport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			n++
			name := filepath.Join(dir, string(rune('a'+n))+".envelope")
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, os.WriteFile(name, body, 0o600)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 100 {
		wg.Go(func() { <-stop })
	}
	work := func(depth int) { runtime.KeepAlive(burn(depth)) }
	for i := range 3 {
		if i == 1 { // goroutines that change their stacks
			for range 5 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(20 * time.Millisecond):
							work(3)
						}
					}
				})
			}
		}
		ctx := sentry.SetHubOnContext(context.Background(), sentry.NewHub(client, sentry.NewScope()))
		span := sentry.StartTransaction(ctx, "GET /")
		for end := time.Now().Add(time.Duration(500+i*400) * time.Millisecond); time.Now().Before(end); {
			if i == 2 { // goroutines that come and go
				wg.Go(func() { time.Sleep(15 * time.Millisecond) })
			}
			work(5)
			time.Sleep(5 * time.Millisecond)
		}
		span.Finish()
	}
	if !client.Flush(10 * time.Second) {
		t.Fatal("not flushed")
	}
}

//go:noinline
func burn(depth int) (n int) {
	if depth > 0 {
		return burn(depth-1) + 1
	}
	for end := time.Now().Add(2 * time.Millisecond); time.Now().Before(end); {
		n++
	}
	return n
}
