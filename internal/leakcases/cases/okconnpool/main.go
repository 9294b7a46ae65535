// https://github.com/golang/go/issues/25759: goroutines of a Transport that were taken
// for a leak are its pool of connections. Here: a pool that warms up to 700
// connections, as its MaxIdleConnsPerHost allows, and stays.
package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

const most = 700

type fanout struct {
	client *http.Client
	shards string
}

func newFanout(upstream string) *fanout {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = most, most, most
	return &fanout{&http.Client{Transport: t}, upstream}
}

func (f *fanout) shard(n int) (int64, error) {
	resp, err := f.client.Get(fmt.Sprintf("%s/shard/%d", f.shards, n))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return io.Copy(io.Discard, resp.Body)
}

func (f *fanout) search(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("shards"))
	var all sync.WaitGroup
	for i := range min(n, most) {
		all.Go(func() { f.shard(i) })
	}
	all.Wait()
	fmt.Fprintln(w, n)
}

func main() {
	service.Main(service.Case{
		Healthy: true, Limit: 124 << 20, Rate: 2, Slow: 1,
		Upstream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(250 * time.Millisecond)
			fmt.Fprintln(w, "hits of", r.URL.Path)
		}),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 8, 10*time.Second)
			mux.HandleFunc("GET /find/{shards}", newFanout(upstream).search)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/find/%d", base, 30+40*i)) },
	})
}
