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

// NewCollector returns a collector of g's state. A closed guard shows its final
// state, and a nil one shows nothing. To distinguish several guards in one process,
// add labels with [prometheus.WrapRegistererWith].
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

// Describe sends the descriptions of all metrics that Collect can send.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect sends the guard's current state.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	if c.guard == nil {
		return
	}
	s := c.guard.Snapshot()
	for _, m := range c.metrics {
		m.Read(&s, func(value float64, labels ...string) {
			// A test of package metric ensures that the number of labels matches desc.
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}
