package sentryhook

import (
	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/gate"
)

// Gate decides which transactions sentry-go v0.30.0 may profile. Profiling allocates
// most of its memory before a transport sees anything: a profile of 1,000 goroutines
// and 10 s is 67.5 MB of JSON, and takes 410 MB of heap while the SDK makes it. The
// gate therefore stands before it.
//
// It acts in two places:
//
//   - [Gate.TracesSampler], when a transaction starts. If the transaction may not be
//     profiled, a client that does not profile is bound to its hub, so that no profile
//     is taken. This is done only to a hub that is in the transaction's context and is
//     not the current global one, which everybody shares. Sentry's HTTP middleware and
//     sentry.SetHubOnContext put such a hub there. If transactions share a hub at the
//     same time, a refusal of one may cost another its profile.
//   - [Gate.BeforeSendTransaction], when a transaction has ended. It decides again, now
//     with the transaction's real duration, and strips the profile if the answer is no.
//     The cost of recording has been paid by then, but the JSON, which is most of it, is
//     never made.
//
// Only the second place applies to transactions on the global hub
// (sentry.StartTransaction with context.Background()), and to those whose sampling was
// decided elsewhere (continued from a request's sentry-trace header), because the SDK
// does not ask a TracesSampler about them.
//
// # It begins shut
//
// The first transaction that is profiled starts the SDK's recorder, which then samples
// the stacks of all goroutines 101 times a second for as long as the process lives.
// Nothing stops it: shutting the gate later saves the payloads, not the samples. The
// gate is therefore shut for GateConfig.Settle, and as long as the state of the process
// is not known. It opens only once it has seen that there is room.
//
// # How long a transaction takes
//
// The gate learns this for each name. A longer duration counts at once, and a shorter
// one lowers the expectation by a sixteenth of the difference, so that the expectation
// stays near the longest durations. The gate keeps 1,024 names and forgets those that
// have not been used for longest. The SDK itself keeps at most 30 s of samples. What
// counts is the name at the start of a transaction. If a router renames it later, the
// name is not found, and UnknownDuration is expected.
//
// # Newer releases
//
// sentry-go has had no profiling since v0.31.0. With those releases a gate compiles and
// does nothing: its methods return their arguments.
//
// All methods may be called from any goroutine, also on a nil Gate, which refuses
// nothing. A decision takes less than 1 µs. The guard is asked at most once a second.
type Gate struct{ room *gate.Gate }

// NewGate returns a gate. The error names every field that is out of range.
func NewGate(cfg GateConfig) (*Gate, error) {
	room, err := gate.New(gate.Config(cfg))
	if err != nil {
		return nil, err
	}
	return &Gate{room}, nil
}

// orNil returns the room, nil for a nil Gate: that one refuses nothing either.
func (g *Gate) orNil() *gate.Gate {
	if g == nil {
		return nil
	}
	return g.room
}

// TracesSampler returns a sampler for ClientOptions.TracesSampler of the client that
// profiles. It samples like next, or by the client's TracesSampleRate if next is nil,
// and keeps transactions from being profiled that may not be. With an SDK that does
// not profile it returns next.
//
// One gate serves one client. On hubs of other clients it only samples.
func (g *Gate) TracesSampler(next sentry.TracesSampler) sentry.TracesSampler {
	return g.orNil().TracesSampler(next)
}

// BeforeSendTransaction returns a hook for ClientOptions.BeforeSendTransaction of the
// client that profiles. It calls next, unless that is nil, and then strips the profile
// from a transaction that may not have it. It does so by returning a new event with
// everything that the event has except the profile and the envelope's 'trace' header,
// which the SDK keeps in a field that is not exported; Sentry's dynamic sampling does
// without it. With an SDK that does not profile it returns next.
func (g *Gate) BeforeSendTransaction(next func(*sentry.Event, *sentry.EventHint) *sentry.Event) func(*sentry.Event, *sentry.EventHint) *sentry.Event {
	return g.orNil().BeforeSendTransaction(next)
}

// Stats returns what has been decided so far.
func (g *Gate) Stats() GateStats { return gateStats(g.orNil().Stats()) }
