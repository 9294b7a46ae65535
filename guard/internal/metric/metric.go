package metric

import (
	"strings"

	"github.com/leakguard/leakguard/guard"
)

// Kind says how a metric's values can be combined.
type Kind int

// The kinds of metric.
const (
	Gauge   Kind = iota // a level; values of several processes can be compared but not added
	Sum                 // a level whose values can be added over processes or over its labels
	Counter             // increases for as long as the process lives
)

// Units in UCUM notation.
const (
	Bytes          = "By"
	BytesPerSecond = "By/s"
	Seconds        = "s"
	Dimensionless  = "1"
)

// Metric is one quantity, with a function that reads it from a guard's state.
type Metric struct {
	// Name consists of words joined by '_', without a unit.
	Name string
	// Semantic is the name in OpenTelemetry's semantic conventions, or "" if they
	// have none.
	Semantic string
	Help     string
	Kind     Kind
	// Unit is in UCUM notation, with {things} for counts.
	Unit string
	// Labels are the names of its labels.
	Labels []string
	// Float reports whether values can be fractions.
	Float bool
	// Read emits the values that are known, each with one text per label.
	Read func(s *guard.Snapshot, emit func(value float64, labels ...string))
}

// Prometheus returns the metric's name by Prometheus's conventions: a prefix, the
// base unit at the end, and _total for counters.
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

// OpenTelemetry returns the metric's name by OpenTelemetry's conventions, which
// leave out the unit.
func (m Metric) OpenTelemetry() string {
	if m.Semantic != "" {
		return m.Semantic
	}
	return "leakguard." + m.Name
}

// Dotted returns a label's name by OpenTelemetry's conventions, which require a
// namespace for custom attributes.
func (m Metric) Dotted(label string) string {
	if strings.Contains(label, ".") {
		return label
	}
	return "leakguard." + label
}
