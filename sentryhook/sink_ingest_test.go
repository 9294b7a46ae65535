package sentryhook

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// receivedItem is an item of an envelope as it came in.
type receivedItem struct {
	EventID  string // of the envelope
	Type     string `json:"type"`
	Length   *int   `json:"length"`
	Filename string `json:"filename"`
	MIME     string `json:"content_type"`
	Body     []byte
}

// envelopeServer is a small ingest server: it takes envelopes apart as Relay
// does, by their lengths.
type envelopeServer struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	items  []receivedItem
	posts  int
	bytes  int64
	answer func(items []receivedItem, body []byte) (status int, header http.Header)
	auth   []string
}

func newEnvelopeServer(t *testing.T) *envelopeServer {
	s := &envelopeServer{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// dsn returns the DSN of a project on the server.
func (s *envelopeServer) dsn() string {
	return strings.Replace(s.URL, "http://", "http://key@", 1) + "/42"
}

func (s *envelopeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			s.t.Errorf("a body that says gzip: %v", err)
			return
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return // a test cut the connection
	}
	items, err := parseReceived(data)
	if err != nil {
		s.t.Errorf("an envelope that cannot be read: %v\n%.300q", err, data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	s.bytes += int64(len(data))
	s.auth = append(s.auth, r.Header.Get("X-Sentry-Auth"))
	if s.answer != nil {
		status, header := s.answer(items, data)
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		if status >= 300 {
			return
		}
	}
	s.items = append(s.items, items...)
}

// respond has the server answer by a function, called one at a time; nil: 200.
func (s *envelopeServer) respond(f func([]receivedItem, []byte) (int, http.Header)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// of returns what was accepted of a type, and how many posts there were.
func (s *envelopeServer) of(kind string) (items []receivedItem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.items {
		if i.Type == kind {
			items = append(items, i)
		}
	}
	return items
}

func parseReceived(data []byte) (items []receivedItem, err error) {
	line := func() []byte {
		before, after, _ := bytes.Cut(data, []byte("\n"))
		data = after
		return before
	}
	var header struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(line(), &header); err != nil {
		return nil, fmt.Errorf("envelope header: %w", err)
	}
	for len(data) > 0 {
		item := receivedItem{EventID: header.EventID}
		if err := json.Unmarshal(line(), &item); err != nil {
			return items, fmt.Errorf("item header: %w", err)
		}
		if item.Length == nil {
			item.Body = line()
		} else {
			if *item.Length > len(data) {
				return items, fmt.Errorf("item %s of %d bytes has %d", item.Type, *item.Length, len(data))
			}
			item.Body, data = data[:*item.Length], data[*item.Length:]
			if len(data) > 0 && data[0] != '\n' {
				return items, fmt.Errorf("item %s is not followed by a newline", item.Type)
			}
			data = bytes.TrimPrefix(data, []byte("\n"))
		}
		items = append(items, item)
	}
	return items, nil
}
