// https://github.com/tmaxmax/go-sse/issues/22: what replays the last events
// grows until it has as many as it was asked for. This one does it right.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"

	"example.com/leakcases/service"
)

// ring has the last events.
type ring[T any] struct {
	mu    sync.RWMutex
	items []T
	next  int
}

func newRing[T any](n int) *ring[T] { return &ring[T]{items: make([]T, 0, n)} }

func (r *ring[T]) put(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) < cap(r.items) {
		r.items = append(r.items, item)
		return
	}
	r.items[r.next] = item
	r.next = (r.next + 1) % len(r.items)
}

func (r *ring[T]) each(f func(T)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.items {
		f(r.items[(r.next+i)%len(r.items)])
	}
}

type event struct {
	topic string
	data  []byte
}

func main() {
	events := newRing[*event](2200)
	body := bytes.Repeat([]byte("0123456789abcdef"), 20<<10/16)
	service.Main(service.Case{
		Healthy: true, Rate: 200,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
				data, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				events.put(&event{r.PathValue("topic"), data})
			})
			mux.HandleFunc("GET /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
				n := 0
				events.each(func(e *event) {
					if e.topic == r.PathValue("topic") {
						n++
					}
				})
				fmt.Fprintln(w, n)
			})
		},
		Client: func(base string, i int) {
			url := fmt.Sprintf("%s/events/t%d", base, i%9)
			service.Do("POST", url, bytes.NewReader(body))
			if i%50 == 0 {
				service.Get(url)
			}
		},
	})
}
