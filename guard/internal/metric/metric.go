package metric

import (
	"strings"

	"github.com/leakguard/leakguard/guard"
)

// Kind is how a metric's values relate to each other.
type Kind int

// The kinds of metric.
const (
	Gauge   Kind = iota // a level: the values of several processes are compared, not added
	Sum                 // a level whose values over processes, or over its labels, may be added
	Counter             // grows for as long as the process lives
)

// The units, as UCUM writes them.
const (
	Bytes          = "By"
	BytesPerSecond = "By/s"
	Seconds        = "s"
	Dimensionless  = "1"
)

// Metric is one quantity and how it is read from a guard's state.
type Metric struct {
	// Name is in words joined by '_', without unit.
	Name string
	// Semantic is its name in OpenTelemetry's semantic conventions; "" where
	// they have none.
	Semantic string
	Help     string
	Kind     Kind
	// Unit is in UCUM's notation, with {things} for what is counted.
	Unit string
	// Labels are the names of the labels of its values.
	Labels []string
	// Float says that values are no integers.
	Float bool
	// Read emits the values that are known, each with one text a label.
	Read func(s *guard.Snapshot, emit func(value float64, labels ...string))
}

// Prometheus is the metric's name in Prometheus's conventions: a prefix, base
// units at the end, and _total behind what only grows.
func (m Metric) Prometheus() string {
	name := "leakguard_" + m.Name
	switch m.Unit {
	case Bytes:
		name += "_bytes"
	case BytesPerSecond:
		name += "_bytes_per_second"
	case Seconds:
		name += "_seconds"
	}
	if m.Kind == Counter {
		name += "_total"
	}
	return name
}

// OpenTelemetry is the metric's name in OpenTelemetry's conventions, which keep
// the unit out of it.
func (m Metric) OpenTelemetry() string {
	if m.Semantic != "" {
		return m.Semantic
	}
	return "leakguard." + m.Name
}

// Dotted is a label's name in OpenTelemetry's conventions, which want a namespace
// for attributes of one's own.
func (m Metric) Dotted(label string) string {
	if strings.Contains(label, ".") {
		return label
	}
	return "leakguard." + label
}
