package relaytest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Relay is an ingest server behind a proxy: the proxy limits the bytes on the
// wire, Relay the decompressed ones.
type Relay struct {
	*httptest.Server
	wireLimit int64

	mu      sync.Mutex
	got     []Request
	respond func(Request) (status int, header http.Header)
}

// Request is a request that reached the relay.
type Request struct {
	Wire   int64 // bytes of the body as it was sent
	Gzip   bool
	Body   []byte // decompressed
	Items  []Item
	Status int // of the answer
	Auth   string
}

// Item returns the payload of the first item of a type, or nil.
func (r Request) Item(kind string) []byte { return Find(r.Items, kind) }

// New starts a relay that takes wireLimit bytes at most, 0 for any number.
func New(t testing.TB, wireLimit int64) *Relay {
	r := Unstarted(wireLimit)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

// Unstarted returns a relay whose server has not been started.
func Unstarted(wireLimit int64) *Relay {
	r := &Relay{wireLimit: wireLimit}
	r.Server = httptest.NewUnstartedServer(r)
	return r
}

// DSN returns the DSN of a project on the relay.
func (r *Relay) DSN() string { return strings.Replace(r.URL, "http://", "http://key@", 1) + "/42" }

// Respond has a function choose the answers, one at a time, in place of the
// relay's own judgement; nil restores that.
func (r *Relay) Respond(f func(Request) (status int, header http.Header)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond = f
}

func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	got, said := Judge(req, r.wireLimit)
	r.mu.Lock()
	if r.respond != nil {
		var header http.Header
		got.Status, header = r.respond(got)
		for name, values := range header {
			w.Header()[name] = values
		}
	}
	r.got = append(r.got, got)
	r.mu.Unlock()
	w.WriteHeader(got.Status)
	io.WriteString(w, said)
}

// mostProfile is Relay's max_profile_size.
const mostProfile = 50 << 20

// Judge reads a request as a proxy and Relay would, and returns it with the status
// and the text of their answer.
func Judge(req *http.Request, wireLimit int64) (got Request, said string) {
	got.Auth = req.Header.Get("X-Sentry-Auth")
	refuse := func(status int, said any) (Request, string) {
		got.Status = status
		return got, fmt.Sprint(said)
	}
	raw, err := io.ReadAll(req.Body)
	if err != nil || req.ContentLength >= 0 && int64(len(raw)) != req.ContentLength {
		return refuse(http.StatusBadRequest, fmt.Errorf("%d bytes of %d: %w", len(raw), req.ContentLength, err))
	}
	got.Wire, got.Body = int64(len(raw)), raw
	if wireLimit > 0 && got.Wire > wireLimit {
		return refuse(http.StatusRequestEntityTooLarge, "nginx")
	}
	if req.Header.Get("Content-Encoding") == "gzip" {
		got.Gzip = true
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			got.Body, err = io.ReadAll(zr)
		}
		if err != nil {
			return refuse(http.StatusBadRequest, err)
		}
	}
	if got.Items, err = Parse(got.Body); err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	for _, item := range got.Items {
		if item.Type == "profile" && len(item.Body) > mostProfile {
			return refuse(http.StatusRequestEntityTooLarge, "profile")
		}
	}
	got.Status = http.StatusOK
	return got, `{"id":"1"}`
}

// Requests returns what has reached the relay, oldest first.
func (r *Relay) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.got...)
}

// Last returns the request that came last.
func (r *Relay) Last(t testing.TB) Request {
	t.Helper()
	got := r.Requests()
	if len(got) == 0 {
		t.Fatal("nothing reached the relay")
	}
	return got[len(got)-1]
}

// Accepted returns the items of a type that the relay has accepted, oldest first.
func (r *Relay) Accepted(kind string) (items []Item) {
	for _, got := range r.Requests() {
		if got.Status != http.StatusOK {
			continue
		}
		for _, item := range got.Items {
			if item.Type == kind {
				items = append(items, item)
			}
		}
	}
	return items
}

// Post sends an envelope the way the SDKs do. The response's body is at hand.
func (r *Relay) Post(t testing.TB, rt http.RoundTripper, body []byte) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/api/1/envelope/", bytes.NewBuffer(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	req.Header.Set("X-Sentry-Auth", "Sentry sentry_key=key")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(said))
	return resp
}
