// Package assoc finds the pod that telemetry comes from.
package assoc

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Attribute is one part of a pod's identifier.
type Attribute struct{ From, Name, Value string }

// Identifier tells pods apart.
type Identifier []Attribute

func (id Identifier) String() string {
	parts := make([]string, len(id))
	for i, a := range id {
		parts[i] = a.From + "/" + a.Name + "=" + a.Value
	}
	return strings.Join(parts, ",")
}

// Telemetry counts what the association does.
type Telemetry struct {
	associations metric.Int64Counter
	latency      metric.Float64Histogram
}

// NewTelemetry makes the instruments.
func NewTelemetry(m metric.Meter) (*Telemetry, error) {
	c, err := m.Int64Counter("otelcol.k8s.pod.association")
	if err != nil {
		return nil, err
	}
	h, err := m.Float64Histogram("otelcol.k8s.pod.association.duration")
	return &Telemetry{c, h}, err
}

func (t *Telemetry) recordAssociation(ctx context.Context, id Identifier, status string, seconds float64) {
	set := metric.WithAttributes(attribute.String("pod_identifier", id.String()), attribute.String("status", status))
	t.associations.Add(ctx, 1, set)
	t.latency.Record(ctx, seconds, set)
}

// Processor adds the pod's attributes to telemetry.
type Processor struct {
	telemetry *Telemetry
	pods      func(Identifier) (name string, ok bool)
}

// NewProcessor returns a processor that looks pods up by pods.
func NewProcessor(t *Telemetry, pods func(Identifier) (string, bool)) *Processor {
	return &Processor{t, pods}
}

// Process returns the resource with the pod's name.
func (p *Processor) Process(ctx context.Context, resource map[string]string) map[string]string {
	id := Identifier{
		{"connection", "k8s.pod.ip", resource["ip"]},
		{"resource_attribute", "k8s.pod.uid", resource["uid"]},
	}
	name, ok := p.pods(id)
	if !ok {
		p.telemetry.recordAssociation(ctx, id, "error", 0.001)
		return resource
	}
	p.telemetry.recordAssociation(ctx, id, "success", 0.0001)
	out := map[string]string{"k8s.pod.name": name}
	for k, v := range resource {
		out[k] = v
	}
	return out
}
