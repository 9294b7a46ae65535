// A registry that nobody removes from. https://example.com/issues/1
package main

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"example.com/leakcases/service"
)

type registry struct {
	mu       sync.Mutex
	sessions [][]byte
}

func (r *registry) remember(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = append(r.sessions, bytes.Repeat([]byte{1}, size))
}

func (r *registry) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = nil
}

func main() {
	r := &registry{}
	service.Main(service.Case{
		Limit: 96 << 20, Rate: 100, Calm: 3 * time.Second, For: 20 * time.Second,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /login", func(http.ResponseWriter, *http.Request) { r.remember(128 << 10) })
		},
		Client:  func(base string, _ int) { service.Do("POST", base+"/login", nil) },
		Relieve: r.forget,
	})
}
