// https://github.com/prometheus/client_golang/issues/1340: the memory of a vector
// grows with the number of time series. Here they are many, and bounded: routes,
// regions and codes.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var codes = []string{"200", "204", "400", "404", "500"}

type edge struct {
	took *prometheus.HistogramVec
}

func newEdge(reg prometheus.Registerer) *edge {
	e := &edge{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "edge_request_seconds", Help: "Time of requests.", Buckets: prometheus.ExponentialBuckets(0.001, 1.6, 24),
	}, []string{"route", "region", "code"})}
	reg.MustRegister(e.took)
	return e
}

func (e *edge) observe(route, region int, code string, d time.Duration) {
	e.took.WithLabelValues(fmt.Sprintf("/api/v2/resource%03d", route), fmt.Sprintf("region-%02d", region), code).Observe(d.Seconds())
}

func (e *edge) report(w http.ResponseWriter, r *http.Request) {
	for range 60 {
		e.observe(rand.IntN(220), rand.IntN(40), codes[rand.IntN(len(codes))], time.Duration(rand.IntN(1e9)))
	}
	fmt.Fprintln(w, "ok")
}

func main() {
	service.Main(service.Case{
		Healthy: true, Limit: 200 << 20, Rate: 200, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			reg := prometheus.NewRegistry()
			mux.HandleFunc("POST /report", newEdge(reg).report)
			mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.AccessLog, layers.Recover)
		},
		Client: func(base string, i int) { service.Do("POST", base+"/report", nil) },
	})
}
