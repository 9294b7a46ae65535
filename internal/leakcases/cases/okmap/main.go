// https://github.com/golang/go/issues/20135: a map that was huge once is empty
// and keeps its buckets.
package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/leakcases/service"
)

type article struct {
	id   int
	text [1500]byte
}

// catalogue is being loaded; then its articles go to the search engine.
type catalogue struct {
	mu    sync.Mutex
	byKey map[string]*article
}

func (c *catalogue) load(ctx context.Context, d time.Duration) {
	ctx, done := context.WithTimeout(ctx, d)
	defer done()
	service.Every(ctx, 80, func(i int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for n := range 60 {
			a := &article{id: i*100 + n}
			copy(a.text[:], fmt.Sprintf("%1500d", a.id))
			c.byKey[fmt.Sprint("article/", a.id)] = a
		}
	})
}

func (c *catalogue) flush() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.byKey)
	clear(c.byKey)
	return n
}

func main() {
	c := &catalogue{byKey: map[string]*article{}}
	service.Main(service.Case{
		Healthy: true, Rate: 70, Limit: 112 << 20,
		Start: func(ctx context.Context, _ int) {
			for ctx.Err() == nil { // what is new
				c.load(ctx, time.Second)
				c.flush()
				select {
				case <-ctx.Done():
				case <-time.After(4 * time.Second):
				}
			}
		},
		Setup: func(mux *http.ServeMux, _ string) {
			go func() { // everything, when the service starts
				c.load(context.Background(), 6*time.Second)
				c.flush()
			}()
			mux.HandleFunc("GET /articles/{id}", func(w http.ResponseWriter, r *http.Request) {
				c.mu.Lock()
				defer c.mu.Unlock()
				if a := c.byKey["article/"+r.PathValue("id")]; a != nil {
					w.Write(a.text[:])
				}
			})
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/articles/%d", base, i)) },
	})
}
