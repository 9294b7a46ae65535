// https://github.com/golang/go/issues/15698: a timer keeps what its function
// needs until it fires. These fire after three seconds.
package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"bytes"

	"example.com/leakcases/service"
)

// debouncer saves a draft when its author has been silent for a while.
type debouncer struct {
	wait  time.Duration
	mu    sync.Mutex
	saved int
}

func (d *debouncer) draft(author string, text []byte) {
	time.AfterFunc(d.wait, func() { d.save(author, text) })
}

func (d *debouncer) save(author string, text []byte) {
	d.mu.Lock()
	d.saved += len(author) + len(text)
	d.mu.Unlock()
}

func main() {
	d := &debouncer{wait: 3 * time.Second}
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	service.Main(service.Case{
		Healthy: true, Rate: 220,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("PUT /drafts/{author}", func(w http.ResponseWriter, r *http.Request) {
				text, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				d.draft(r.PathValue("author"), text)
			})
		},
		Client: func(base string, i int) {
			service.Do("PUT", fmt.Sprintf("%s/drafts/a%d", base, i%100), bytes.NewReader(body))
		},
	})
}
