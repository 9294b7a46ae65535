package guardhttp_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/guardhttp"
)

func start(t testing.TB, limit int64) *guard.Guard {
	t.Helper()
	g, err := guard.Start(guard.Config{Dir: t.TempDir(), Limit: limit, Rules: []guard.Rule{}, Logger: slog.New(slog.DiscardHandler),
		Pressure: guard.PressureLines{Hold: 1500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func probe(t *testing.T, g *guard.Guard) (status int, body string, header http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	guardhttp.Ready(g).ServeHTTP(w, httptest.NewRequest("GET", "/ready", nil))
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b), w.Header()
}

func TestReady(t *testing.T) {
	for name, g := range map[string]*guard.Guard{"no pressure": start(t, 1<<40), "nil": nil} {
		if status, body, header := probe(t, g); status != 200 || body != "ready\n" || header.Get("Retry-After") != "" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", name, status, body, header)
		}
	}
}

func TestNotReady(t *testing.T) {
	g := start(t, 1<<20) // no Go process lives in that
	for deadline := time.Now().Add(30 * time.Second); !g.UnderPressure(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no pressure")
		}
	}
	status, body, header := probe(t, g)
	if status != 503 || !strings.HasPrefix(body, "not ready: ") || !strings.Contains(body, "of 1.0 MiB") || strings.Count(body, "\n") != 1 {
		t.Errorf("%d %q", status, body)
	}
	if got := header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After is %q, want 2: a second and a half, rounded up", got)
	}
}

// A balancer that asks for /ready stops sending when memory runs out.
func ExampleReady() {
	dir, err := os.MkdirTemp("", "leakguard-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g, err := guard.Start(guard.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
	mux := http.NewServeMux()
	mux.Handle("GET /ready", guardhttp.Ready(g))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/ready", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 200 ready
}
