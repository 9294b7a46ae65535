// https://github.com/FeatureBaseDB/go-pilosa/pull/258: a large channel that
// bursts fill, and that is empty again before the next.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/leakcases/service"
)

type record struct {
	key  string
	data []byte
}

type importer struct {
	queue    chan record
	imported atomic.Int64
}

// run imports, 400 records a second.
func (m *importer) run(ctx context.Context) {
	t := time.NewTicker(25 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for range 10 {
			select {
			case r := <-m.queue:
				m.imported.Add(int64(len(r.data)))
				io.Discard.Write(r.data)
			default:
			}
		}
	}
}

func main() {
	m := &importer{queue: make(chan record, 2200)}
	service.Main(service.Case{
		Healthy: true, Rate: 30,
		Start: func(ctx context.Context, _ int) { m.run(ctx) },
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /import/{batch}", func(w http.ResponseWriter, r *http.Request) {
				for n := range 60 {
					data := make([]byte, 24<<10)
					for i := range data {
						data[i] = byte(i * n)
					}
					select {
					case m.queue <- record{fmt.Sprint(r.PathValue("batch"), "/", n), data}:
					default:
						http.Error(w, "busy", http.StatusTooManyRequests)
						return
					}
				}
			})
		},
		Client: func(base string, i int) {
			if i/60%5 != 0 { // two seconds of ten
				return
			}
			service.Do("POST", fmt.Sprintf("%s/import/%d", base, i), nil)
		},
	})
}
