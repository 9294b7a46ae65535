// https://github.com/probelabs/goreplay/issues/871: one goroutine sends under
// the pool's lock to a channel that nobody reads any more, and a new goroutine
// waits for the lock for each packet.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"example.com/leakcases/cases/poolmutex/tcp"
	"example.com/leakcases/service"
)

func main() {
	pool := tcp.NewPool(32)
	body := bytes.Repeat([]byte("0123456789abcdef"), 28<<10/16)
	service.Main(service.Case{
		Rate: 240, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /capture/{conn}", func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				pool.Handle(tcp.Packet{Conn: r.PathValue("conn"), Payload: b})
			})
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/capture/%d", base, i%50), bytes.NewReader(body))
		},
		Relieve: pool.Drain,
	})
}
