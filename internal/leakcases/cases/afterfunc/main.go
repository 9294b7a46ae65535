// https://github.com/cbeuw/Cloak/issues/137: time.AfterFunc for every message
// that goes through, with nobody to stop the timer once the message is delivered.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/leakcases/service"
)

// relay hands messages on to the next hop and gives each half an hour.
type relay struct {
	timeout         time.Duration
	sent, abandoned atomic.Int64
}

type message struct {
	To   string
	Body []byte
}

type frame struct {
	to    string
	bytes []byte
	done  atomic.Bool
}

func (r *relay) forward(m message) error {
	f := &frame{to: m.To, bytes: encode(m)}
	time.AfterFunc(r.timeout, func() {
		if !f.done.Load() {
			r.abandon(f)
		}
	})
	return r.deliver(f)
}

func encode(m message) []byte {
	b := make([]byte, 0, len(m.To)+len(m.Body)+16)
	b = fmt.Appendf(b, "%s\n%d\n", m.To, len(m.Body))
	return append(b, m.Body...)
}

func (r *relay) deliver(f *frame) error {
	r.sent.Add(int64(len(f.bytes)))
	f.done.Store(true)
	return nil
}

func (r *relay) abandon(f *frame) { r.abandoned.Add(int64(len(f.bytes))) }

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var m message
	if err := json.NewDecoder(io.LimitReader(req.Body, 1<<20)).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := r.forward(m); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintln(w, r.sent.Load())
}

func main() {
	body, _ := json.Marshal(message{"peer-7", bytes.Repeat([]byte("0123456789abcdef"), 40<<10/16)})
	service.Main(service.Case{
		Rate: 200, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.Handle("POST /relay", http.MaxBytesHandler(&relay{timeout: 30 * time.Minute}, 2<<20))
		},
		Client: func(base string, i int) { service.Do("POST", base+"/relay", bytes.NewReader(body)) },
	})
}
