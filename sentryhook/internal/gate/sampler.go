package gate

import (
	"sync/atomic"

	"github.com/getsentry/sentry-go"
)

// sampler samples transactions of one client, and keeps them from being profiled if
// they may not be.
type sampler struct {
	gate *Gate
	next sentry.TracesSampler
	main atomic.Pointer[sentry.Client] // the client that profiles, once seen
	// plain is bound in its place; nil: there is none. It is not Config.Plain
	// itself, whose sampler would never ask the gate again: the hub of a worker
	// that runs for ever would have no profiles after the first refusal.
	plain *sentry.Client
}

func newSampler(g *Gate, next sentry.TracesSampler) *sampler {
	s := &sampler{gate: g, next: next}
	if g.plain == nil {
		return s
	}
	o := g.plain.Options()
	o.TracesSampler = s.sample
	// The gate learns durations from transactions that are not profiled, too: they
	// are what opens it again.
	o.BeforeSendTransaction = g.BeforeSendTransaction(o.BeforeSendTransaction)
	o.Transport = sharedTransport{g.plain.Transport}
	plain, err := sentry.NewClient(o)
	if err != nil {
		// The only possible fault is the DSN, and the given client has the same one.
		return s
	}
	s.plain = plain
	return s
}

func (s *sampler) sample(ctx sentry.SamplingContext) float64 {
	hub := sentry.GetHubFromContext(ctx.Span.Context())
	rate := s.rate(ctx, hub)
	// The SDK drops rates that are out of range, NaN included.
	if !(rate > 0 && rate <= 1) || s.plain == nil || hub == nil || hub == sentry.CurrentHub() {
		return rate
	}
	client := hub.Client()
	if client == nil {
		return rate
	}
	if client != s.plain {
		s.main.CompareAndSwap(nil, client)
	}
	main := s.main.Load()
	if client != s.plain && client != main {
		return rate // another client's hub
	}
	if why := s.gate.decide(s.gate.durations.expect(ctx.Span.Name)); why != Allowed {
		s.gate.refused[why].Add(1)
		if client != s.plain {
			hub.BindClient(s.plain)
		}
	} else if client == s.plain && main != nil {
		hub.BindClient(main)
	}
	return rate
}

// rate returns the sampling rate without a gate.
func (s *sampler) rate(ctx sentry.SamplingContext, hub *sentry.Hub) float64 {
	if s.next != nil {
		return s.next(ctx)
	}
	if hub == nil {
		hub = sentry.CurrentHub()
	}
	client := hub.Client()
	if client == nil {
		return 0
	}
	return client.Options().TracesSampleRate
}

// sharedTransport is a transport that another client has already configured.
type sharedTransport struct{ sentry.Transport }

func (sharedTransport) Configure(sentry.ClientOptions) {}
