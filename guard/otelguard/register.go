package otelguard

import (
	"context"
	"errors"
	"fmt"
	"math"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/metric"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/metric"
)

// scope is the instrumentation scope's name.
const scope = "github.com/leakguard/leakguard/guard/otelguard"

// Register makes the provider observe g's state at each collection, until the
// registration is unregistered. A closed guard shows its final state, and a nil one
// shows nothing. On an error nothing is registered; the error joins the provider's
// errors for all instruments.
func Register(provider otel.MeterProvider, g *guard.Guard) (otel.Registration, error) {
	if provider == nil {
		return nil, errors.New("otelguard: no MeterProvider: pass otel.GetMeterProvider() or your own")
	}
	meter := provider.Meter(scope)
	var (
		instruments []instrument
		observables []otel.Observable
		errs        []error
	)
	for _, m := range metric.List() {
		i, err := newInstrument(meter, m)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelguard: create instrument %s: %w", m.OpenTelemetry(), err))
			continue
		}
		instruments = append(instruments, i)
		observables = append(observables, i.observable())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o otel.Observer) error {
		if g == nil {
			return nil
		}
		s := g.Snapshot()
		for _, i := range instruments {
			i.observe(o, &s)
		}
		return nil
	}, observables...)
	if err != nil {
		return nil, fmt.Errorf("otelguard: register the callback: %w", err)
	}
	return registration, nil
}

// instrument is one metric with its OpenTelemetry instrument: exactly one of the
// two is not nil.
type instrument struct {
	metric   metric.Metric
	keys     []attribute.Key
	integral otel.Int64Observable
	float    otel.Float64Observable
}

func newInstrument(meter otel.Meter, m metric.Metric) (instrument, error) {
	i := instrument{metric: m}
	for _, label := range m.Labels {
		i.keys = append(i.keys, attribute.Key(m.Dotted(label)))
	}
	name, unit, help := m.OpenTelemetry(), otel.WithUnit(m.Unit), otel.WithDescription(m.Help)
	var err error
	switch {
	case m.Float:
		i.float, err = meter.Float64ObservableGauge(name, unit, help)
	case m.Kind == metric.Counter:
		i.integral, err = meter.Int64ObservableCounter(name, unit, help)
	case m.Kind == metric.Sum:
		i.integral, err = meter.Int64ObservableUpDownCounter(name, unit, help)
	default:
		i.integral, err = meter.Int64ObservableGauge(name, unit, help)
	}
	return i, err
}

func (i *instrument) observable() otel.Observable {
	if i.float != nil {
		return i.float
	}
	return i.integral
}

func (i *instrument) observe(o otel.Observer, s *guard.Snapshot) {
	i.metric.Read(s, func(value float64, labels ...string) {
		set := make([]attribute.KeyValue, len(labels))
		for n, text := range labels {
			set[n] = i.keys[n].String(text)
		}
		with := otel.WithAttributes(set...)
		switch {
		case i.float == nil:
			o.ObserveInt64(i.integral, int64(value), with)
		case !math.IsInf(value, 0): // backends treat infinities differently
			o.ObserveFloat64(i.float, value, with)
		}
	})
}
