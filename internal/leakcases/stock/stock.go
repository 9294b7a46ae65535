// Package stock is a catalogue of products that a service warms up in the
// background. It is bounded: once it is full, products replace each other.
package stock

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Product is an entry, about 8 KiB.
type Product struct {
	ID    int
	Title string
	Tags  []string
	Page  []byte `json:"-"`
}

// Catalog is the cache.
type Catalog struct {
	mu    sync.RWMutex
	items map[int]*Product
	most  int
}

// Open registers GET /product/{id} and fills the catalogue with mib MiB in
// about the time over.
func Open(mux *http.ServeMux, mib int, over time.Duration) *Catalog {
	c := &Catalog{items: map[int]*Product{}, most: mib << 20 / (8 << 10)}
	mux.HandleFunc("GET /product/{id}", c.serve)
	go c.warm(over)
	return c
}

func (c *Catalog) warm(over time.Duration) {
	const batch = 16
	t := time.NewTicker(max(over*batch/time.Duration(c.most), time.Millisecond))
	for id := 0; ; id += batch {
		for i := range batch {
			c.load((id + i) % c.most)
		}
		<-t.C
	}
}

func (c *Catalog) load(id int) *Product {
	p := &Product{
		ID: id, Title: fmt.Sprintf("product %d of the season", id),
		Tags: []string{"new", strconv.Itoa(rand.IntN(100))},
		Page: make([]byte, 7<<10+rand.IntN(1<<10)),
	}
	c.mu.Lock()
	c.items[id] = p
	c.mu.Unlock()
	return p
}

func (c *Catalog) serve(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 0 {
		http.NotFound(w, r)
		return
	}
	id %= c.most
	c.mu.RLock()
	p := c.items[id]
	c.mu.RUnlock()
	if p == nil {
		p = c.load(id)
	}
	json.NewEncoder(w).Encode(p)
}
