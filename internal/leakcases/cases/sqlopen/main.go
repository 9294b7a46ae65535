// https://github.com/Altinity/clickhouse-operator/issues/176: a sql.DB is opened
// for each query of the metrics and never closed.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"example.com/leakcases/cases/sqlopen/metrics"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type exporter struct{ fetcher *metrics.Fetcher }

func (e *exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tables, err := e.fetcher.Tables(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	all, err := e.fetcher.Metrics(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"tables": tables, "metrics": all})
}

func database() string {
	dir, err := os.MkdirTemp("", "sqlopen")
	if err != nil {
		panic(err)
	}
	return "file:" + filepath.Join(dir, "metrics.db")
}

func main() {
	service.Main(service.Case{
		Limit: 144 << 20, Rate: 40, Slow: 1,
		Setup: func(mux *http.ServeMux, _ string) {
			f := metrics.NewFetcher(database())
			if err := f.Create(40); err != nil {
				panic(err)
			}
			stock.Open(mux, 12, 15*time.Second)
			mux.Handle("GET /metrics", &exporter{f})
		},
		Wrap: func(next http.Handler) http.Handler { return layers.Chain(next, layers.Recover, layers.RequestID) },
		Client: func(base string, i int) {
			service.Get(base + "/metrics")
			service.Get(fmt.Sprintf("%s/product/%d", base, i))
		},
	})
}
