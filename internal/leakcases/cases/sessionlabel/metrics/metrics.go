// Package metrics has the gateway's metrics.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Gateway is the set of metrics of one gateway.
type Gateway struct {
	registry  *prometheus.Registry
	coalesced *prometheus.CounterVec
	flush     *prometheus.HistogramVec
	requests  *prometheus.CounterVec
}

// New registers the metrics.
func New() *Gateway {
	g := &Gateway{
		registry: prometheus.NewRegistry(),
		coalesced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "gateway", Name: "delta_coalesced_total", Help: "Deltas that were merged.",
		}, []string{"session_id"}),
		flush: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "gateway", Name: "delta_flush_seconds", Help: "Time to flush the deltas of a session.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"session_id", "reason"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "gateway", Name: "requests_total", Help: "Requests by route and status.",
		}, []string{"route", "status"}),
	}
	g.registry.MustRegister(g.coalesced, g.flush, g.requests)
	return g
}

// Flushed says that n deltas of a session were flushed.
func (g *Gateway) Flushed(session, reason string, n int, seconds float64) {
	g.coalesced.WithLabelValues(session).Add(float64(max(n-1, 0)))
	g.flush.WithLabelValues(session, reason).Observe(seconds)
}

// Request counts a request.
func (g *Gateway) Request(route, status string) { g.requests.WithLabelValues(route, status).Inc() }

// Handler is what Prometheus scrapes.
func (g *Gateway) Handler() http.Handler {
	return promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{})
}

// Reset forgets the sessions.
func (g *Gateway) Reset() {
	g.coalesced.Reset()
	g.flush.Reset()
}
