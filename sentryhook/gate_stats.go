package sentryhook

import "github.com/leakguard/leakguard/sentryhook/internal/gate"

// GateReason is why a transaction was not profiled.
type GateReason int

// The reasons, in the order in which they are checked.
const (
	// GateSettling: the gate is new (GateConfig.Settle).
	GateSettling GateReason = iota + 1
	// GateUnknown: the state of the process is not known.
	GateUnknown
	// GateIncident: the guard has an open incident.
	GateIncident
	// GateGoroutines: there are more than GateConfig.MaxGoroutines.
	GateGoroutines
	// GateHeap: the live heap is above GateConfig.MaxHeapShare of its limit.
	GateHeap
	// GatePayload: the profile would be larger than GateConfig.MaxPayload, or take
	// more than a quarter of the memory that is left.
	GatePayload
)

// String returns the reason's name, such as 'goroutines'.
func (r GateReason) String() string { return gate.Reason(r).String() }

// GateStats is what a gate has decided since it was made.
type GateStats struct {
	// Allowed counts the profiles that were passed on to Sentry.
	Allowed int64
	// Refused counts the profiles that were not, by the reason. A refusal at the
	// start of a transaction counts before the SDK samples, so with sampling
	// rates below 1 some of these profiles would not have been taken anyway.
	Refused map[GateReason]int64
	// Stripped counts those of Refused that had been recorded already.
	Stripped int64
}

func gateStats(s gate.Stats) GateStats {
	out := GateStats{Allowed: s.Allowed, Stripped: s.Stripped, Refused: make(map[GateReason]int64)}
	for reason, n := range s.Refused {
		if n > 0 {
			out.Refused[GateReason(reason)] = n
		}
	}
	return out
}
