// https://github.com/coocood/freecache/issues/95: the memory of a cache doubles while
// its new content is there beside the old. Here: a list that is reloaded as a whole
// every six seconds.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
)

// blocklist is replaced as a whole.
type blocklist struct {
	url     string
	current atomic.Pointer[map[string]string]
}

func (b *blocklist) load() (map[string]string, error) {
	resp, err := http.Get(b.url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	reasons := map[string]string{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		domain := lines.Text()
		reasons[domain] = "listed by the operator, category " + domain[:8]
	}
	io.Copy(io.Discard, resp.Body)
	return reasons, lines.Err()
}

func (b *blocklist) refresh(ctx context.Context) {
	t := time.NewTicker(6 * time.Second)
	defer t.Stop()
	for {
		m, err := b.load()
		if err != nil {
			slog.Error("blocklist", "err", err)
		} else {
			b.current.Store(&m)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (b *blocklist) query(w http.ResponseWriter, r *http.Request) {
	m := b.current.Load()
	if m == nil {
		http.Error(w, "loading", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, (*m)[r.PathValue("domain")], len(*m))
}

func main() {
	debug.SetGCPercent(30)
	b := &blocklist{}
	service.Main(service.Case{
		Healthy: true, Limit: 136 << 20, Rate: 100,
		Upstream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := bufio.NewWriter(w)
			for i := range 220_000 {
				fmt.Fprintf(out, "ads%06d.tracker%03d.example.com\n", i, i%500)
			}
			out.Flush()
		}),
		Setup: func(mux *http.ServeMux, upstream string) {
			b.url = upstream
			mux.HandleFunc("GET /query/{domain}", b.query)
		},
		Start: func(ctx context.Context, _ int) { b.refresh(ctx) },
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			service.Get(fmt.Sprintf("%s/query/ads%06d.tracker%03d.example.com", base, i, i%500))
		},
	})
}
