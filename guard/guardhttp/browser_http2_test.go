package guardhttp

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/internal/chromium"
)

// The browser, which speaks HTTP/2 over TLS, shows a capture that took longer than any
// other answer may: its stream was reset after 5 s, and the page said that the service did
// not answer.
func TestPageShowsASlowCaptureOverHTTP2(t *testing.T) {
	g := richGuard(t)
	const id = "20261120T120000.000Z-manual-7f3a"
	g.capture = func(context.Context) (guard.Incident, error) {
		time.Sleep(bodyAnswer + time.Second)
		return guard.Incident{ID: id}, nil
	}
	b := chromium.Start(t)
	b.Call("Security.setIgnoreCertificateErrors", map[string]any{"ignore": true}, nil)
	var posted atomic.Value
	h := newHandler(g, true, Config{UpdateEvery: 100 * time.Millisecond})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posted.Store(r.Proto)
		}
		h.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // before it ignores certificates the browser refuses this one
	server.StartTLS()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	b.Open(server.URL+"/", 1280, 900, false)
	until(t, b, "it is live", `document.getElementById("live").textContent === "live"`)
	click(b, "#capture")
	until(t, b, "the page says that it is capturing", `document.getElementById("answer").textContent === "Capturing…"`)
	until(t, b, "the capture is answered", `!document.getElementById("capture").disabled`)
	var said string
	b.Evaluate(`document.getElementById("answer").textContent`, &said)
	if said != "Captured: "+id {
		t.Errorf("the page says %q, want it to name the incident %s", said, id)
	}
	if got, _ := posted.Load().(string); got != "HTTP/2.0" {
		t.Errorf("the capture was asked for over %q", got)
	}
	if c := b.Complaints(""); len(c) > 0 {
		t.Errorf("%q", c)
	}
}
