package sentryhook

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
)

// GateConfig configures a [Gate]. The zero value is a working gate that strips
// profiles but cannot prevent them; for that it needs Plain.
type GateConfig struct {
	// Plain is a client for the same DSN that does not profile: made of the
	// same [sentry.ClientOptions], without the gate, with ProfilesSampleRate
	// at 0. The gate sends the transactions through its transport that may
	// not be profiled, so before the process ends it has to be flushed like
	// the main one. Nil: profiles are taken, and stripped before they are
	// marshalled.
	Plain *sentry.Client
	// Guard tells the live heap, its limit and whether an incident is open.
	// Nil: live heap and GOMEMLIMIT come from the runtime, and there are no
	// incidents.
	Guard *guard.Guard
	// MaxGoroutines is how many goroutines there may be: each sample of the
	// SDK stops the world while it walks the stacks of all of them, and there
	// are 101 samples a second. Zero: 500, which is 0.5 ms a sample and 5% of
	// the time (BenchmarkStackOfAll).
	MaxGoroutines int
	// MaxHeapShare is how much of its limit the live heap may be, more than 0
	// and up to 1. The limit is the smaller of the guard's and GOMEMLIMIT;
	// where there is none this is not looked at. Zero: 0.7.
	MaxHeapShare float64
	// MaxPayload is how large a profile may become, in bytes of JSON, as
	// predicted by goroutines × duration × 101 Hz × 67 bytes. The SDK needs six
	// times as much heap for it, and that may also be at most a quarter of
	// what is left to the limit. Zero: 8 MiB.
	MaxPayload int64
	// UnknownDuration is how long a transaction is expected to take whose
	// name has not been seen yet. Zero: 10 s.
	UnknownDuration time.Duration
	// Settle is how long after NewGate the gate stays shut. Negative: it
	// opens at once. Zero: 1 minute.
	Settle time.Duration
}

const (
	defaultMaxGoroutines   = 500
	defaultMaxHeapShare    = 0.7
	defaultMaxPayload      = 8 << 20
	defaultUnknownDuration = 10 * time.Second
	defaultSettle          = time.Minute
)

// Gate decides which transactions sentry-go v0.30.0 may profile. Profiling
// costs most of its memory before a transport sees anything: a profile of 1,000
// goroutines and 10 s is 67.5 MB of JSON, and 410 MB of heap while the SDK makes
// it. So the gate has to stand before it.
//
// It stands in two places:
//
//   - [Gate.TracesSampler], when a transaction starts. Where it may not be
//     profiled, a client that does not profile is bound to the transaction's
//     hub, so that no profile is taken. That is done only to a hub which is in
//     the transaction's context and is not the current global one (as Sentry's
//     HTTP middleware puts it there, or sentry.SetHubOnContext): the global hub
//     is everybody's. Of transactions that share a hub at the same time, one that
//     is refused may cost another its profile.
//   - [Gate.BeforeSendTransaction], when a transaction has ended. It decides
//     again, now with the transaction's real duration, and strips the profile
//     where the answer is no. What was spent on recording it is lost, but the
//     JSON, most of it, is never made.
//
// The second place is the only one for transactions on the global hub
// (sentry.StartTransaction with context.Background()), and for those whose
// sampling was decided elsewhere (continued from a request's sentry-trace
// header), since the SDK does not ask a TracesSampler about them.
//
// # It begins shut
//
// The SDK's recorder is started by the first transaction that is profiled, and
// then samples the stacks of all goroutines 101 times a second for as long as
// the process lives. Nothing stops it: shutting the gate later saves the
// payloads, not the samples. So the gate is shut for GateConfig.Settle, and as
// long as it cannot see how the process stands; it opens only when it has seen
// that there is room.
//
// # How long a transaction takes
//
// The gate learns it for each name: a longer one counts at once, shorter ones
// lower the expectation by a sixteenth of the difference each, so that it
// stands near the longest ones. It keeps 1,024 names and forgets those that were not
// used for longest. The SDK itself keeps 30 s of samples at most. Names are as
// they are when the transaction starts; one that a router renames later is not
// found, and expected to take UnknownDuration.
//
// # Newer releases
//
// sentry-go has no profiling since v0.31.0. A gate compiles with them and does
// nothing: its methods return what they were given.
//
// All methods may be called from any goroutine, also on a nil Gate, which
// refuses nothing. A decision takes less than 1 µs; the guard is asked once a
// second at most.
type Gate struct {
	limits    gateLimits
	plain     *sentry.Client
	opens     time.Time
	state     *stateCache
	durations *durations

	allowed  atomic.Int64
	stripped atomic.Int64
	refused  [gateReasons]atomic.Int64
}

// NewGate returns a gate. The error names every field that is out of range.
func NewGate(cfg GateConfig) (*Gate, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	g := &Gate{
		limits: gateLimits{
			goroutines: int64(or(cfg.MaxGoroutines, defaultMaxGoroutines)),
			heapShare:  or(cfg.MaxHeapShare, defaultMaxHeapShare),
			payload:    or(cfg.MaxPayload, defaultMaxPayload),
		},
		plain:     cfg.Plain,
		opens:     time.Now().Add(or(cfg.Settle, defaultSettle)),
		state:     newStateCache(stateSource(cfg.Guard)),
		durations: newDurations(or(cfg.UnknownDuration, defaultUnknownDuration)),
	}
	return g, nil
}

func (cfg GateConfig) validate() error {
	var errs []error
	check := func(ok bool, field string, got any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("sentryhook: GateConfig.%s is %v: want %s", field, got, want))
		}
	}
	check(cfg.MaxGoroutines >= 0, "MaxGoroutines", cfg.MaxGoroutines, "a number of at least 0")
	check(cfg.MaxHeapShare >= 0 && cfg.MaxHeapShare <= 1, "MaxHeapShare", cfg.MaxHeapShare, "a share between 0 and 1")
	check(cfg.MaxPayload >= 0, "MaxPayload", cfg.MaxPayload, "a number of bytes of at least 0")
	check(cfg.UnknownDuration >= 0, "UnknownDuration", cfg.UnknownDuration, "a duration of at least 0")
	check(cfg.Plain == nil || !profiles(cfg.Plain.Options()), "Plain", "a client that profiles", "one whose ProfilesSampleRate is 0")
	return errors.Join(errs...)
}

// or returns v, or def where v is zero.
func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// GateStats is what a gate has decided since it was made.
type GateStats struct {
	// Allowed is the profiles that were handed on to Sentry.
	Allowed int64
	// Refused is the profiles that were not, by the reason why. A refusal when
	// a transaction starts is counted before the SDK draws lots about it, so
	// with sampling rates below 1 some of these would not have been taken.
	Refused map[GateReason]int64
	// Stripped is those of Refused that had been recorded already.
	Stripped int64
}

// Stats returns what was decided so far.
func (g *Gate) Stats() GateStats {
	s := GateStats{Refused: make(map[GateReason]int64)}
	if g == nil {
		return s
	}
	s.Allowed, s.Stripped = g.allowed.Load(), g.stripped.Load()
	for r := range g.refused {
		if n := g.refused[r].Load(); n > 0 {
			s.Refused[GateReason(r)] = n
		}
	}
	return s
}

// TracesSampler returns a sampler for ClientOptions.TracesSampler of the client
// that profiles. It samples as next does, or where next is nil as the client's
// TracesSampleRate says, and keeps transactions from being profiled that may
// not be. With an SDK that does not profile it returns next.
//
// One gate serves one client: on hubs of others it samples, and no more.
func (g *Gate) TracesSampler(next sentry.TracesSampler) sentry.TracesSampler {
	if g == nil || !sdkProfiles {
		return next
	}
	return newGateSampler(g, next).sample
}

// BeforeSendTransaction returns a hook for ClientOptions.BeforeSendTransaction
// of the client that profiles. It calls next, where that is not nil, then
// strips the profile from a transaction that may not have it: it returns a new
// event with all that the event has but the profile and the envelope's 'trace'
// header, which the SDK keeps in a field that is not exported (Sentry's dynamic
// sampling then goes without it). With an SDK that does not profile it returns
// next.
func (g *Gate) BeforeSendTransaction(next func(*sentry.Event, *sentry.EventHint) *sentry.Event) func(*sentry.Event, *sentry.EventHint) *sentry.Event {
	if g == nil || !sdkProfiles {
		return next
	}
	return func(event *sentry.Event, hint *sentry.EventHint) *sentry.Event {
		if event == nil {
			return nil
		}
		// What the SDK made, before somebody renames it.
		took := event.Timestamp.Sub(event.StartTime)
		g.durations.learn(event.Transaction, took)
		if next != nil {
			if event = next(event, hint); event == nil {
				return nil
			}
		}
		if !hasProfile(event) {
			return event
		}
		if why := g.decide(took); why != gateAllowed {
			g.refused[why].Add(1)
			g.stripped.Add(1)
			return withoutProfile(event)
		}
		g.allowed.Add(1)
		return event
	}
}

// decide says why a profile of such a duration may not be taken, or
// gateAllowed.
func (g *Gate) decide(d time.Duration) GateReason {
	if time.Now().Before(g.opens) {
		return GateSettling
	}
	return g.limits.decide(gateInput{goroutines: numGoroutine(), duration: d, gateState: g.state.get()})
}
