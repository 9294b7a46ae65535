package sentryhook

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// relay is an ingest server with a proxy's limit on wire bytes and Relay's on
// decompressed ones. It reads envelopes its own way, with encoding/json.
type relay struct {
	*httptest.Server
	wireLimit    int64 // 0: none
	profileLimit int64 // 0: Relay's
	answer       func(w http.ResponseWriter, n int) bool

	mu  sync.Mutex
	got []relayRequest
}

// relayRequest is a request that reached the relay.
type relayRequest struct {
	wire   int64
	gzip   bool
	body   []byte // decompressed
	items  []relayItem
	status int
	auth   string
}

type relayItem struct {
	kind, name string
	payload    []byte
}

// item returns the payload of the only item of a kind, or nil.
func (r relayRequest) item(kind string) []byte {
	for _, it := range r.items {
		if it.kind == kind {
			return it.payload
		}
	}
	return nil
}

func newRelay(t testing.TB, wireLimit int64) *relay {
	r := &relay{wireLimit: wireLimit}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	got := relayRequest{wire: req.ContentLength, auth: req.Header.Get("X-Sentry-Auth")}
	status, say := r.serve(req, &got)
	got.status = status
	r.mu.Lock()
	r.got = append(r.got, got)
	n := len(r.got)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil && answer(w, n) {
		return
	}
	w.WriteHeader(status)
	io.WriteString(w, say)
}

func (r *relay) serve(req *http.Request, got *relayRequest) (status int, say string) {
	raw, err := io.ReadAll(req.Body)
	if err != nil || req.ContentLength >= 0 && int64(len(raw)) != req.ContentLength {
		return http.StatusBadRequest, fmt.Sprintf("%d bytes of %d: %v", len(raw), req.ContentLength, err)
	}
	got.wire = int64(len(raw))
	if r.wireLimit > 0 && got.wire > r.wireLimit {
		return http.StatusRequestEntityTooLarge, "nginx"
	}
	got.body = raw
	if req.Header.Get("Content-Encoding") == "gzip" {
		got.gzip = true
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			got.body, err = io.ReadAll(zr)
		}
		if err != nil {
			return http.StatusBadRequest, err.Error()
		}
	}
	if got.items, err = takeApart(got.body); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	limit := r.profileLimit
	if limit == 0 {
		limit = 50 << 20
	}
	for _, it := range got.items {
		if it.kind == "profile" && int64(len(it.payload)) > limit {
			return http.StatusRequestEntityTooLarge, "profile"
		}
	}
	return http.StatusOK, `{"id":"1"}`
}

// requests returns what came so far.
func (r *relay) requests() []relayRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]relayRequest(nil), r.got...)
}

// last returns what came last.
func (r *relay) last(t testing.TB) relayRequest {
	t.Helper()
	got := r.requests()
	if len(got) == 0 {
		t.Fatal("nothing reached the relay")
	}
	return got[len(got)-1]
}

// takeApart reads an envelope.
func takeApart(body []byte) (items []relayItem, err error) {
	line := func() []byte {
		l, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		return l
	}
	if h := line(); !json.Valid(h) || h[0] != '{' {
		return nil, errors.New("envelope header")
	}
	for len(bytes.Trim(body, "\n")) > 0 {
		var h struct {
			Type     string
			Length   *int
			Filename string
		}
		if err := json.Unmarshal(line(), &h); err != nil || h.Type == "" {
			return nil, fmt.Errorf("item header: %w", err)
		}
		it := relayItem{kind: h.Type, name: h.Filename}
		if h.Length == nil {
			it.payload = line()
		} else {
			if *h.Length < 0 || *h.Length > len(body) {
				return nil, errors.New("unexpected end")
			}
			it.payload, body = body[:*h.Length], body[*h.Length:]
			if len(body) > 0 && body[0] != '\n' {
				return nil, errors.New("missing newline")
			}
			body = bytes.TrimPrefix(body, []byte("\n"))
		}
		items = append(items, it)
	}
	return items, nil
}

// post sends an envelope the way the SDKs do.
func (r *relay) post(t testing.TB, rt http.RoundTripper, body []byte) *http.Response {
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
