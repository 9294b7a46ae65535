package sentryhook

import (
	"fmt"
	"math"
	"time"
)

// GateReason is why a transaction was not profiled.
type GateReason int

// The reasons, in the order in which they are looked at.
const (
	gateAllowed GateReason = iota
	// GateSettling: the gate is young (GateConfig.Settle).
	GateSettling
	// GateUnknown: how the process stands could not be told.
	GateUnknown
	// GateIncident: the guard has an open incident.
	GateIncident
	// GateGoroutines: there are more than GateConfig.MaxGoroutines.
	GateGoroutines
	// GateHeap: the live heap is above GateConfig.MaxHeapShare of its limit.
	GateHeap
	// GatePayload: the profile would be larger than GateConfig.MaxPayload, or
	// take more than a quarter of the memory that is left.
	GatePayload

	gateReasons // their number
)

var gateReasonNames = [gateReasons]string{"allowed", "settling", "unknown", "incident", "goroutines", "heap", "payload"}

// String returns the reason's name, such as 'goroutines'.
func (r GateReason) String() string {
	if r < 0 || r >= gateReasons {
		return fmt.Sprintf("GateReason(%d)", int(r))
	}
	return gateReasonNames[r]
}

// What sentry-go v0.30.0 makes of goroutines and time, measured: 67.5 MB and
// 410 MB of heap for 1,000 goroutines and 10 s. Its ring buffer holds 30 s.
const (
	sampleRate     = 101 // Hz
	sampleBytes    = 67  // of JSON, a goroutine and sample
	heapPerPayload = 6
	recorderSpan   = 30 * time.Second
)

// predictPayload says how many bytes of JSON a profile will be. It is a ceiling:
// the recorder does not keep up with its rate where there are many goroutines.
func predictPayload(goroutines int64, d time.Duration) int64 {
	seconds := min(max(d, 0), recorderSpan).Seconds()
	bytes := float64(goroutines) * seconds * sampleRate * sampleBytes
	if bytes >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(bytes)
}

// gateLimits are the lines of a gate.
type gateLimits struct {
	goroutines int64
	heapShare  float64
	payload    int64
}

// gateState is what changes slowly. Amounts are bytes.
type gateState struct {
	known    bool  // false: nothing is known, and the rest is zero
	liveHeap int64 // what the last garbage collection found reachable
	limit    int64 // what it must stay below; 0 or less: there is none
	incident bool  // one is open
}

// gateInput is all that a decision depends on.
type gateInput struct {
	gateState
	goroutines int64
	duration   time.Duration // expected, or real
}

// decide says why there must be no profile, or gateAllowed.
func (l gateLimits) decide(in gateInput) GateReason {
	payload := predictPayload(in.goroutines, in.duration)
	switch {
	case !in.known:
		return GateUnknown
	case in.incident:
		return GateIncident
	case in.goroutines > l.goroutines:
		return GateGoroutines
	case in.limit > 0 && float64(in.liveHeap) > l.heapShare*float64(in.limit):
		return GateHeap
	case payload > l.payload:
		return GatePayload
	case in.limit > 0 && heapPerPayload*float64(payload) > float64(in.limit-in.liveHeap)/4:
		return GatePayload
	}
	return gateAllowed
}
