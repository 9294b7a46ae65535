package gate

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// Gate decides which transactions may be profiled; see sentryhook.Gate. A nil Gate
// refuses nothing.
type Gate struct {
	limits    limits
	plain     *sentry.Client
	opens     time.Time
	state     *stateCache
	durations *durations

	allowed  atomic.Int64
	stripped atomic.Int64
	refused  [Reasons]atomic.Int64
}

// New returns a gate. The error names every field that is out of range.
func New(cfg Config) (*Gate, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Gate{
		limits: limits{
			goroutines: int64(cmp.Or(cfg.MaxGoroutines, defaultMaxGoroutines)),
			heapShare:  cmp.Or(cfg.MaxHeapShare, defaultMaxHeapShare),
			payload:    cmp.Or(cfg.MaxPayload, defaultMaxPayload),
		},
		plain:     cfg.Plain,
		opens:     time.Now().Add(cmp.Or(cfg.Settle, defaultSettle)),
		state:     newStateCache(stateSource(cfg.Guard)),
		durations: newDurations(cmp.Or(cfg.UnknownDuration, defaultUnknownDuration)),
	}, nil
}

// Stats is what a gate has decided; see sentryhook.GateStats. Refused is by reason.
type Stats struct {
	Allowed, Stripped int64
	Refused           [Reasons]int64
}

// Stats returns what has been decided so far.
func (g *Gate) Stats() Stats {
	if g == nil {
		return Stats{}
	}
	s := Stats{Allowed: g.allowed.Load(), Stripped: g.stripped.Load()}
	for r := range g.refused {
		s.Refused[r] = g.refused[r].Load()
	}
	return s
}

// TracesSampler returns a sampler that binds a client without profiling to the hubs of
// transactions that may not be profiled.
func (g *Gate) TracesSampler(next sentry.TracesSampler) sentry.TracesSampler {
	if g == nil || !sdk.Profiles {
		return next
	}
	return newSampler(g, next).sample
}

// BeforeSendTransaction returns a hook that strips the profile from transactions that
// may not have it.
func (g *Gate) BeforeSendTransaction(next func(*sentry.Event, *sentry.EventHint) *sentry.Event) func(*sentry.Event, *sentry.EventHint) *sentry.Event {
	if g == nil || !sdk.Profiles {
		return next
	}
	return func(event *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		if event == nil {
			return nil
		}
		// The name that the SDK gave it: next may rename it.
		took := event.Timestamp.Sub(event.StartTime)
		g.durations.learn(event.Transaction, took)
		if next != nil {
			if event = next(event, hint); event == nil {
				return nil
			}
		}
		if !sdk.HasProfile(event) {
			return event
		}
		if why := g.decide(took); why != Allowed {
			g.refused[why].Add(1)
			g.stripped.Add(1)
			return sdk.WithoutProfile(event)
		}
		g.allowed.Add(1)
		return event
	}
}

// decide says why a profile of this duration may not be taken, or Allowed.
func (g *Gate) decide(d time.Duration) Reason {
	if time.Now().Before(g.opens) {
		return Settling
	}
	return g.limits.decide(input{goroutines: numGoroutine(), duration: d, processState: g.state.get()})
}
