// Package relaytest is the other side of sentryhook for its tests: it makes
// payloads as a Sentry SDK does, and judges them as a proxy, Relay and Sentry do.
//
//   - [Generate] writes profiles of any [Shape], [Envelope] puts them into
//     envelopes.
//   - [Relay] is a server that takes envelopes apart and refuses what is too
//     large.
//   - [Accepts], [CallTrees] and [ThreadSpans] say what Relay and Sentry would make
//     of a profile, and [CheckLossless] compares two by that.
//
// It reads everything with encoding/json and shares no code with what it judges.
//
// # Concurrency
//
// A [Relay] may be used by several goroutines; everything else is a function.
package relaytest
