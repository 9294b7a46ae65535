package service

import (
	"container/list"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// cacheBytes is the bound of the cache. The clients fill it in about 20 s, so that it is
// still filling when the leak begins.
const cacheBytes = 24 << 20

// newHandler returns the service with the handlers and the middleware of the case.
func newHandler(c Case, upstream string) http.Handler {
	items := &cache{most: cacheBytes, order: list.New(), byKey: make(map[string]*list.Element)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", items.serveItem)
	mux.HandleFunc("GET /search", serveSearch)
	if c.Setup != nil {
		c.Setup(mux, upstream)
	}
	var h http.Handler = mux
	if c.Wrap != nil {
		h = c.Wrap(h)
	}
	return logRequests(withRequestID(h))
}

type requestID struct{}

func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("%016x", rand.Uint64())
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestID{}, id)))
	})
}

func logRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		next.ServeHTTP(w, r)
		slog.Debug("request", "method", r.Method, "path", r.URL.Path, "took", time.Since(begun))
	})
}

// serveSearch makes garbage.
func serveSearch(w http.ResponseWriter, r *http.Request) {
	type hit struct {
		ID    int
		Title string
		Tags  []string
	}
	var hits []hit
	for i := range 100 {
		hits = append(hits, hit{i, fmt.Sprintf("title %d of %s", i, r.URL.RawQuery), []string{"a", "b"}})
	}
	json.NewEncoder(w).Encode(hits)
}

// cache is bounded: it drops what was not used for longest.
type cache struct {
	mu         sync.Mutex
	most, size int // bytes
	order      *list.List
	byKey      map[string]*list.Element
}

type entry struct {
	key   string
	value []byte
}

func (c *cache) serveItem(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	value, ok := c.get(id)
	if !ok {
		value = render(id)
		c.put(id, value)
	}
	w.Write(value)
}

func render(id string) []byte {
	page := make([]byte, 2<<10+rand.IntN(6<<10))
	copy(page, id)
	return page
}

func (c *cache) get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(entry).value, true
}

func (c *cache) put(key string, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return // another request was faster
	}
	c.byKey[key] = c.order.PushFront(entry{key, value})
	c.size += len(value)
	for c.size > c.most {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, oldest.Value.(entry).key)
		c.size -= len(oldest.Value.(entry).value)
	}
}
