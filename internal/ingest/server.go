package ingest

import (
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// mostReceived bounds the requests that are remembered. Totals counts all of them.
const mostReceived = 10_000

// Server accepts envelopes. The zero value has Relay's limits and no proxy. It may
// be used by any number of goroutines.
type Server struct {
	// WireBytes is the largest body on the wire in bytes: a proxy's limit, such as
	// nginx's client_max_body_size. 0 means no limit.
	WireBytes int64

	mu       sync.Mutex
	received []Received
	totals   Totals
	seen     map[string]bool // IDs of the accepted transactions
}

// Received is one request. Amounts are in bytes.
type Received struct {
	Status int
	Why    string // why it was rejected
	Wire   int64  // size of the body as sent, or the announced size if it was rejected
	Raw    int64  // size when decompressed; 0 if it was rejected unread
	Gzip   bool
	Items  []Item // the items of an accepted envelope
}

// Totals sums up all requests.
type Totals struct {
	Requests int
	// Statuses counts the responses by status.
	Statuses map[int]int
	// Transactions and Profiles count those that Relay would keep. A transaction that
	// arrives twice counts once.
	Transactions, Profiles int
	// Refused counts the items that Relay would drop from accepted envelopes, by type
	// and reason.
	Refused map[string]int
	// Wire and Raw are the bytes of all accepted bodies.
	Wire, Raw int64
}

// ServeHTTP handles a request to any path that ends in '/envelope/'.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := Received{Wire: r.ContentLength, Gzip: r.Header.Get("Content-Encoding") == "gzip"}
	body := r.Body
	id, err := s.take(r, &got)
	if err != nil {
		// Like nginx's lingering_close: otherwise a client that is still sending would
		// see a connection reset instead of the response.
		io.Copy(io.Discard, body)
	}
	got.Status = http.StatusOK
	if err != nil {
		got.Status, got.Why = http.StatusBadRequest, err.Error()
		var refused *refusal
		if errors.As(err, &refused) {
			got.Status = refused.status
		}
	}
	s.note(got, id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(got.Status)
	if err != nil {
		json.NewEncoder(w).Encode(map[string]string{"detail": got.Why})
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"id": id})
}

// refusal is an error with its HTTP status.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

func tooLarge(format string, args ...any) error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf(format, args...)}
}

// take handles a request and returns the ID of its event.
func (s *Server) take(r *http.Request, got *Received) (id string, err error) {
	if !strings.HasSuffix(r.URL.Path, "/envelope/") {
		return "", &refusal{http.StatusNotFound, "no such endpoint"}
	}
	if r.Method != http.MethodPost {
		return "", &refusal{http.StatusMethodNotAllowed, "want POST"}
	}
	if s.WireBytes > 0 {
		// A proxy trusts the announced length and reads no further.
		if r.ContentLength > s.WireBytes {
			return "", tooLarge("%d bytes on the wire, limit %d", r.ContentLength, s.WireBytes)
		}
		r.Body = http.MaxBytesReader(nil, r.Body, s.WireBytes)
	}
	wire := &counter{r: r.Body}
	body, err := decompress(wire, r.Header.Get("Content-Encoding"))
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(body, MaxEnvelope+1))
	got.Wire, got.Raw = wire.n, int64(len(raw))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return "", tooLarge("more than %d bytes on the wire", over.Limit)
	case err != nil:
		return "", fmt.Errorf("read the body: %w", err)
	case len(raw) > MaxEnvelope:
		return "", tooLarge("the envelope has more than %d bytes", MaxEnvelope)
	}
	id, items, err := parseEnvelope(raw)
	if err != nil {
		return "", err
	}
	if err := checkSizes(items); err != nil {
		return "", err
	}
	for i := range items {
		items[i].look()
	}
	got.Items = items
	return id, nil
}

func decompress(r io.Reader, encoding string) (io.Reader, error) {
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("decode gzip: %w", err)
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("decode deflate: %w", err)
		}
		return z, nil
	}
	return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("unsupported Content-Encoding %q", encoding)}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (s *Server) note(got Received, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.received) < mostReceived {
		s.received = append(s.received, got)
	}
	t := &s.totals
	if t.Statuses == nil {
		t.Statuses, t.Refused, s.seen = make(map[int]int), make(map[string]int), make(map[string]bool)
	}
	t.Requests++
	t.Statuses[got.Status]++
	if got.Status != http.StatusOK {
		return
	}
	t.Wire += got.Wire
	t.Raw += got.Raw
	for _, it := range got.Items {
		switch {
		case it.Refused != "":
			t.Refused[it.Type+": "+it.Refused]++
		case it.Type == "profile":
			t.Profiles++
		case it.Type == "transaction" && !s.seen[id]:
			s.seen[id] = true
			t.Transactions++
		}
	}
}

// Received returns the first 10,000 requests, in the order in which they were
// answered.
func (s *Server) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

// Totals returns the totals so far.
func (s *Server) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.totals
	t.Statuses, t.Refused = make(map[int]int), make(map[string]int)
	for k, v := range s.totals.Statuses {
		t.Statuses[k] = v
	}
	for k, v := range s.totals.Refused {
		t.Refused[k] = v
	}
	return t
}
