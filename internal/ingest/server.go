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

// mostReceived bounds what is remembered of requests; the totals go on.
const mostReceived = 10_000

// Server takes envelopes. The zero value has Relay's limits and no proxy.
type Server struct {
	// WireBytes is how many bytes a body may have as it is sent: a proxy's
	// limit, such as nginx's client_max_body_size. Zero: none.
	WireBytes int64

	mu       sync.Mutex
	received []Received
	totals   Totals
	seen     map[string]bool // the transactions that were accepted
}

// Received is a request that came in. Amounts are bytes.
type Received struct {
	Status int
	Why    string // why it was refused
	Wire   int64  // of the body as it was sent; of a refused one as announced
	Raw    int64  // decompressed; 0 where it was refused unread
	Gzip   bool
	Items  []Item // of an accepted envelope
}

// Totals is the sum of what came in.
type Totals struct {
	Requests int
	// Statuses counts the answers.
	Statuses map[int]int
	// Transactions and Profiles are those that Relay would keep; a transaction
	// that came twice counts once.
	Transactions, Profiles int
	// Refused counts the items that Relay would drop from accepted
	// envelopes, by type and reason.
	Refused map[string]int
	// Wire and Raw are the bytes of accepted bodies.
	Wire, Raw int64
}

// ServeHTTP takes a request. It answers every path that ends in '/envelope/'.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := Received{Wire: r.ContentLength, Gzip: r.Header.Get("Content-Encoding") == "gzip"}
	body := r.Body
	id, err := s.take(r, &got)
	if err != nil {
		// Like nginx's lingering_close: a client that is still sending would
		// see its connection reset, and not the answer.
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

// refusal is an error with a status of its own.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

func tooLarge(format string, args ...any) error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf(format, args...)}
}

// take reads a request, and returns its event's ID.
func (s *Server) take(r *http.Request, got *Received) (id string, err error) {
	if !strings.HasSuffix(r.URL.Path, "/envelope/") {
		return "", &refusal{http.StatusNotFound, "no such endpoint"}
	}
	if r.Method != http.MethodPost {
		return "", &refusal{http.StatusMethodNotAllowed, "want POST"}
	}
	if s.WireBytes > 0 {
		// A proxy believes the announcement and does not read on.
		if r.ContentLength > s.WireBytes {
			return "", tooLarge("%d bytes on the wire, %d may be", r.ContentLength, s.WireBytes)
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
		return "", fmt.Errorf("the body cannot be read: %w", err)
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
			return nil, fmt.Errorf("the body says gzip: %w", err)
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("the body says deflate: %w", err)
		}
		return z, nil
	}
	return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %q", encoding)}
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

// Totals returns the sum of what came in so far.
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
