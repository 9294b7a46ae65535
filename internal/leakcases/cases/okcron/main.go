// https://github.com/robfig/cron/issues/466: memory that rises while a fixed
// set of jobs runs, until there is garbage enough for a collection.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"example.com/leakcases/service"
	"github.com/robfig/cron/v3"
)

type row struct {
	Shop, Item string
	Sold       int
}

// reports has the last version of each report.
type reports struct {
	mu   sync.RWMutex
	last map[string][]byte
}

func (r *reports) build(name string) {
	var rows []row
	for i := range 3500 {
		rows = append(rows, row{name, fmt.Sprint("item ", i), i * len(name)})
	}
	doc, err := json.Marshal(rows)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.last[name] = doc
	r.mu.Unlock()
}

func main() {
	r := &reports{last: map[string][]byte{}}
	c := cron.New(cron.WithSeconds())
	for i := range 160 {
		c.AddFunc(fmt.Sprintf("%d/3 * * * * *", i%3), func() { r.build(fmt.Sprint("shop", i)) })
	}
	service.Main(service.Case{
		Healthy: true, Rate: 50,
		Start: func(ctx context.Context, _ int) {
			c.Start()
			<-ctx.Done()
			c.Stop()
		},
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /reports/{name}", func(w http.ResponseWriter, req *http.Request) {
				r.mu.RLock()
				defer r.mu.RUnlock()
				w.Write(r.last[req.PathValue("name")])
			})
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/reports/shop%d", base, i%160)) },
	})
}
