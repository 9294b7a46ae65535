package promguard

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/metric"
)

// Collector collects the state of one guard. It is safe for concurrent use.
type Collector struct {
	guard   *guard.Guard
	metrics []described
}

type described struct {
	metric.Metric
	desc *prometheus.Desc
	kind prometheus.ValueType
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector of g's state. A guard that is closed is shown
// as it ended, and of a nil one nothing is shown. Several guards of one process
// are told apart by labels: see [prometheus.WrapRegistererWith].
func NewCollector(g *guard.Guard) *Collector {
	c := &Collector{guard: g}
	for _, m := range metric.List() {
		d := described{Metric: m, desc: prometheus.NewDesc(m.Prometheus(), m.Help, m.Labels, nil), kind: prometheus.GaugeValue}
		if m.Kind == metric.Counter {
			d.kind = prometheus.CounterValue
		}
		c.metrics = append(c.metrics, d)
	}
	return c
}

// Describe sends what Collect can send.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect sends the guard's state as it is now.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	if c.guard == nil {
		return
	}
	s := c.guard.Snapshot()
	for _, m := range c.metrics {
		m.Read(&s, func(value float64, labels ...string) {
			// Labels are of the number that desc says, or metric's own test is red.
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}
