// https://github.com/valyala/fasthttp/issues/1347: 'these are not memory leaks; what you
// are seeing is these pools growing'. Here: a pool of buffers that grows to the peak
// of the load and stays.
package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"github.com/valyala/bytebufferpool"
)

// buffers keeps as many buffers as were ever in use, up to 40.
type buffers chan *bytebufferpool.ByteBuffer

func (b buffers) get() *bytebufferpool.ByteBuffer {
	select {
	case buf := <-b:
		return buf
	default:
		return new(bytebufferpool.ByteBuffer)
	}
}

func (b buffers) put(buf *bytebufferpool.ByteBuffer) {
	buf.Reset()
	select {
	case b <- buf:
	default:
	}
}

type export struct{ pool buffers }

func (e *export) csv(w http.ResponseWriter, r *http.Request) {
	rows, _ := strconv.Atoi(r.PathValue("rows"))
	buf := e.pool.get()
	defer e.pool.put(buf)
	out := csv.NewWriter(buf)
	for i := range rows {
		out.Write([]string{strconv.Itoa(i), "a customer of the north", "2026-11-30T00:00:00Z", "19.90", "EUR", "paid"})
	}
	out.Flush()
	time.Sleep(150 * time.Millisecond) // a slow client
	w.Write(buf.B)
}

func main() {
	service.Main(service.Case{
		Healthy: true, Limit: 164 << 20, Rate: 3, Slow: 1,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 8, 10*time.Second)
			e := &export{make(buffers, 40)}
			mux.HandleFunc("GET /export/{rows}", e.csv)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			var all sync.WaitGroup
			for n := range min(2+2*i, 36) {
				all.Go(func() { service.Get(fmt.Sprintf("%s/export/%d", base, 9000+100*n)) })
			}
			all.Wait()
		},
	})
}
