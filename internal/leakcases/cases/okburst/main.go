// https://github.com/golang/go/issues/22439: memory of a spike of work that is not
// given back at once. Here: uploads of 2 MiB come in a burst of some seconds, and end.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type uploads struct {
	mu   sync.Mutex
	sums map[string][32]byte
}

func (u *uploads) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	scan(body)
	u.mu.Lock()
	u.sums[r.PathValue("name")] = sha256.Sum256(body)
	u.mu.Unlock()
	fmt.Fprintln(w, len(body))
}

// scan asks another service about the body, which takes a while.
func scan(body []byte) {
	time.Sleep(600 * time.Millisecond)
	bytes.Count(body, []byte("EICAR"))
}

func main() {
	body := bytes.Repeat([]byte("0123456789abcdef"), 96<<10)
	service.Main(service.Case{
		Healthy: true, Limit: 224 << 20, Rate: 2, Slow: 1,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 12*time.Second)
			u := &uploads{sums: map[string][32]byte{}}
			mux.HandleFunc("PUT /upload/{name}", u.put)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.AccessLog, layers.Recover)
		},
		Client: func(base string, i int) {
			parallel := 1
			if i >= 8 && i < 20 {
				parallel = 22
			}
			var all sync.WaitGroup
			for n := range parallel {
				all.Go(func() { service.Do("PUT", fmt.Sprintf("%s/upload/f%d", base, n), bytes.NewReader(body)) })
			}
			all.Wait()
		},
	})
}
