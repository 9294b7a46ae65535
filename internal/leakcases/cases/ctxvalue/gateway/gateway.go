// Package gateway serves objects on behalf of one long-lived session.
package gateway

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"sync"
	"time"
)

type auditKey struct{}

// audit is what the metadata engine logs of the operation in progress.
type audit struct {
	method, path string
	header       http.Header
	began        time.Time
	head         []byte // the first bytes, to tell the content type by
}

// session is the mount that all requests share.
type session struct {
	mu  sync.Mutex
	ctx context.Context
}

// begin makes the request known to everything below.
func (s *session) begin(r *http.Request) context.Context {
	head, _ := io.ReadAll(io.LimitReader(r.Body, 32<<10))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = context.WithValue(s.ctx, auditKey{}, &audit{
		method: r.Method,
		path:   r.URL.Path,
		header: r.Header.Clone(),
		began:  time.Now(),
		head:   head,
	})
	return s.ctx
}

// Gateway is the front of a file system.
type Gateway struct {
	session session
	mu      sync.Mutex
	sums    map[string][32]byte
}

// New mounts the file system.
func New() *Gateway {
	return &Gateway{session: session{ctx: context.Background()}, sums: map[string][32]byte{}}
}

// Put stores an object.
func (g *Gateway) Put(w http.ResponseWriter, r *http.Request) {
	ctx := g.session.begin(r)
	g.store(ctx, r.PathValue("key"))
	w.WriteHeader(http.StatusNoContent)
}

func (g *Gateway) store(ctx context.Context, key string) {
	a := ctx.Value(auditKey{}).(*audit)
	g.mu.Lock()
	g.sums[key] = sha256.Sum256(a.head)
	g.mu.Unlock()
}

// Remount begins a new session.
func (g *Gateway) Remount() {
	g.session.mu.Lock()
	defer g.session.mu.Unlock()
	g.session.ctx = context.Background()
}
