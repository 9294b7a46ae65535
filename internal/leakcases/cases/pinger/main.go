// https://github.com/kataras/iris/issues/787: a pinger with its own ticker for
// each connection goes on when the connection has gone.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

// connection is one poll of a client's.
type connection struct {
	id    string
	out   *bufio.Writer
	buf   [24 << 10]byte
	alive atomic.Bool
	beats atomic.Int64
}

type hub struct{ interval time.Duration }

func (h *hub) newConnection(w http.ResponseWriter, id string) *connection {
	c := &connection{id: id, out: bufio.NewWriterSize(w, 1<<10)}
	c.alive.Store(true)
	return c
}

// startPinger notes every interval that the connection is there.
func (h *hub) startPinger(c *connection) {
	t := time.NewTicker(h.interval)
	go func() {
		for range t.C {
			c.beats.Add(1)
		}
	}()
}

func (h *hub) poll(w http.ResponseWriter, r *http.Request) {
	c := h.newConnection(w, r.URL.Query().Get("id"))
	h.startPinger(c)
	defer c.alive.Store(false)
	n, _ := io.ReadFull(r.Body, c.buf[:])
	fmt.Fprintln(c.out, c.id, n, c.beats.Load())
	c.out.Flush()
}

func main() {
	state := bytes.Repeat([]byte("0123456789abcdef"), 24<<10/16)
	h := &hub{interval: 5 * time.Second}
	service.Main(service.Case{
		Rate: 260, Slow: 13,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.Handle("POST /poll", middleware.NoCache(http.HandlerFunc(h.poll)))
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/poll?id=c%d", base, i), bytes.NewReader(state))
		},
	})
}
