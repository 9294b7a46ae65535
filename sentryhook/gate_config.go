package sentryhook

import (
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
)

// GateConfig configures a [Gate]. The zero value is a working gate that strips
// profiles but cannot prevent them, for which it needs Plain.
type GateConfig struct {
	// Plain is a client for the same DSN that does not profile: made with the same
	// [sentry.ClientOptions], but without the gate and with a ProfilesSampleRate
	// of 0. The gate sends transactions that may not be profiled through its
	// transport, so it must be flushed before the process ends, like the main
	// client. Nil: profiles are taken, and stripped before they are marshalled.
	Plain *sentry.Client
	// Guard knows the live heap, its limit and whether an incident is open. Nil:
	// live heap and GOMEMLIMIT come from the runtime, and there are no incidents.
	Guard *guard.Guard
	// MaxGoroutines is how many goroutines there may be. Each sample of the SDK
	// stops the world while it walks the stacks of all of them, and there are 101
	// samples a second. Zero: 500, which costs 0.5 ms a sample and 5% of the time
	// (BenchmarkStackOfAll).
	MaxGoroutines int
	// MaxHeapShare is how much of its limit the live heap may use, above 0 and up
	// to 1. The limit is the smaller of the guard's and GOMEMLIMIT; without a limit
	// the share does not matter. Zero: 0.7.
	MaxHeapShare float64
	// MaxPayload is how large a profile may become, in bytes of JSON, as predicted
	// by goroutines × duration × 101 Hz × 67 bytes. The SDK needs six times as much
	// heap for it, which may also be at most a quarter of what is left to the
	// limit. Zero: 8 MiB.
	MaxPayload int64
	// UnknownDuration is how long a transaction is expected to take if its name is
	// new. Zero: 10 s.
	UnknownDuration time.Duration
	// Settle is how long the gate stays shut after NewGate. Negative: it opens at
	// once. Zero: 1 minute.
	Settle time.Duration
}
