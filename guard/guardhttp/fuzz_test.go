package guardhttp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
)

// Any request is answered: without a panic, with the headers that confine the answer,
// within bounds, and without changing what is on disk.
func FuzzRequest(f *testing.F) {
	g := richGuard(f)
	var captures int
	g.capture = func(context.Context) (guard.Incident, error) {
		captures++
		return guard.Incident{ID: "20261120T120000.000Z-manual-7f3a"}, nil
	}
	h := newHandler(g, true, Config{CaptureEvery: time.Nanosecond, ProfileEvery: time.Nanosecond})
	all, id := routes(h)
	for _, target := range append(all, "/events", "/ready", "/heap", "/goroutine?debug=2", "/capture") {
		path, query, _ := strings.Cut(target, "?")
		f.Add("GET", path, query, "", "", "")
	}
	f.Add("POST", "/capture", "", captureHeader, "1", "{}")
	f.Add("POST", "/capture", "kinds=heap", "Origin", "https://evil.example", "x=1")
	f.Add("HEAD", "/incident/"+id+"/heap.pb.gz", "", "Range", "bytes=0-5,7-9", "")
	f.Add("GET", "/incident/"+id+"/../../x", "", "If-None-Match", `"x"`, "")
	f.Add("GET", "/api/v1/history", "since=2026-11-20T10:15:30Z&since=-1", "Last-Event-ID", "\x00", "")
	f.Add("OPTIONS", "*", "%", "Accept-Encoding", "gzip", "")
	before := tree(f, g.store.Dir())
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // ends live pages
		defer cancel()
		r := (&http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{http.CanonicalHeaderKey(name): {value}}, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)), Host: "shop.example", RemoteAddr: "192.0.2.1:1234", RequestURI: path,
		}).WithContext(ctx)
		had := captures
		w := httptest.NewRecorder()
		begun := time.Now()
		h.ServeHTTP(w, r)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%q %q took %v", method, path, took)
		}
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError {
			t.Errorf("%q %q?%q: %d %.300s", method, path, query, w.Code, w.Body)
		}
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"} {
			if w.Header().Get(header) == "" {
				t.Errorf("%q %q: no %s", method, path, header)
			}
		}
		if n := w.Body.Len(); n > 4*mib {
			t.Errorf("%q %q: %d bytes", method, path, n)
		}
		if captures != had && (method != http.MethodPost || r.Header.Get(captureHeader) == "") {
			t.Errorf("%q %q with %q: %q has captured", method, path, name, value)
		}
		if after := tree(t, g.store.Dir()); after != before {
			t.Fatalf("%q %q has changed the evidence:\n%s\nwas\n%s", method, path, after, before)
		}
	})
}
