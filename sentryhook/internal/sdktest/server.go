package sdktest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// server takes envelopes.
type server struct {
	*httptest.Server
	limit   int64 // of wire bytes; 0: none
	refused atomic.Int64

	mu    sync.Mutex
	kinds map[string]int
	names []string
}

func newServer(t *testing.T, tls bool) *server {
	s := &server{kinds: make(map[string]int)}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // TLS handshakes fail on purpose
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.limit > 0 && r.ContentLength > s.limit {
		s.refused.Add(1)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err := s.take(r); err != nil {
		s.refused.Add(1)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	io.WriteString(w, "{}")
}

func (s *server) take(r *http.Request) error {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		in = zr
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	_, body, _ = bytes.Cut(body, []byte("\n"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		var h struct {
			Type     string
			Length   int
			Filename string
		}
		if err := json.Unmarshal(line, &h); err != nil {
			return err
		}
		if h.Length > len(rest) {
			return io.ErrUnexpectedEOF
		}
		s.kinds[h.Type]++
		if h.Type == "attachment" {
			s.names = append(s.names, h.Filename)
		}
		body = bytes.TrimPrefix(rest[h.Length:], []byte("\n"))
	}
	return nil
}

func (s *server) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kinds[kind]
}

func (s *server) events() int { return s.count("event") }

func (s *server) attached() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.names...)
}

// noise returns n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
