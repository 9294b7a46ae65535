// Package gate decides which transactions of sentry-go v0.30.0 may be profiled.
//
// The way of a decision:
//
//  1. The state of the process (live heap, limit, open incident) comes from a guard or
//     from the runtime, at most once a second.
//  2. How long the transaction will take is what its name has taught.
//  3. A pure function compares both with the limits, and gives a [Reason] or Allowed.
//  4. The [Gate] acts on it twice: when a transaction starts, it binds a client that does
//     not profile to the hub; when it ends, it strips the profile.
//
// # Cost
//
// A decision takes less than 1 µs. Two generations of 512 names are kept.
//
// # Concurrency
//
// The methods of a [Gate] may be called from any goroutine. A gate has no goroutine, but
// for the one that asks for the state.
package gate
