// https://github.com/choria-io/go-choria/issues/198: the transport for fetching
// a broker's statistics is made for each fetch and never reused.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/leakcases/cases/varztransport/stats"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type exporter struct {
	brokers []stats.Broker
	mu      sync.Mutex
	last    map[string]*stats.Varz
}

func (e *exporter) collect(w http.ResponseWriter, r *http.Request) {
	total := 0
	for i, b := range e.brokers {
		v, err := b.Varz(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		total += v.Connections
		e.mu.Lock()
		e.last[fmt.Sprint("broker-", i)] = v
		e.mu.Unlock()
	}
	fmt.Fprintf(w, "broker_connections %d\n", total)
}

func varz(w http.ResponseWriter, r *http.Request) {
	routes := make([]map[string]string, 20)
	for i := range routes {
		routes[i] = map[string]string{"name": fmt.Sprint("route-", i), "addr": fmt.Sprintf("10.0.0.%d:6222", i)}
	}
	json.NewEncoder(w).Encode(map[string]any{"server_id": "NA", "connections": 12, "in_msgs": 1 << 30, "routes": routes})
}

func main() {
	service.Main(service.Case{
		Limit: 160 << 20, Rate: 30, Slow: 2,
		Upstream: http.HandlerFunc(varz),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 12*time.Second)
			e := &exporter{last: map[string]*stats.Varz{}}
			for range 9 {
				e.brokers = append(e.brokers, stats.Broker{URL: upstream, Skip: true})
			}
			mux.HandleFunc("GET /metrics", e.collect)
		},
		Wrap:   func(next http.Handler) http.Handler { return layers.Chain(next, layers.AccessLog, layers.Recover) },
		Client: func(base string, i int) { service.Get(base + "/metrics") },
	})
}
