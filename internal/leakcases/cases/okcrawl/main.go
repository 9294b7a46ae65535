// https://github.com/golang/go/issues/9869: thousands of goroutines for a few
// seconds, and again some time later.
package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/leakcases/service"
)

type crawler struct{ pages atomic.Int64 }

// crawl asks all hosts at once.
func (c *crawler) crawl(ctx context.Context, hosts int) {
	var wg sync.WaitGroup
	for host := range hosts {
		wg.Go(func() { c.fetch(ctx, host) })
	}
	wg.Wait()
}

func (c *crawler) fetch(ctx context.Context, host int) {
	page := make([]byte, 8<<10)
	for i := range page {
		page[i] = byte(i + host)
	}
	select {
	case <-ctx.Done():
	case <-time.After(3*time.Second + time.Duration(host%1000)*time.Millisecond): // the hosts take their time
	}
	c.pages.Add(int64(page[host%len(page)]))
}

func main() {
	c := &crawler{}
	service.Main(service.Case{
		Healthy: true, Rate: 20,
		Start: func(ctx context.Context, _ int) {
			for ctx.Err() == nil {
				c.crawl(ctx, 3800)
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Second):
				}
			}
		},
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /pages", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, c.pages.Load()) })
		},
		Client: func(base string, i int) { service.Get(base + "/pages") },
	})
}
