// Package envelope makes Sentry's envelopes fit what proxies and Relay accept, and
// writes them.
//
// The way of an envelope:
//
//  1. [Read] finds its items, by offsets in the body that came.
//  2. [Fitting.Fit] compacts profiles, and leaves out as little as is needed to fit the
//     [Budgets].
//  3. [Fitting.Result] says what was decided, in numbers, and returns the body to be
//     sent. That body is held in memory if it is small, and otherwise written again from
//     the [Source] for each reader.
//
// [Encode] writes new envelopes.
//
// The package decides by size alone. It knows neither HTTP nor the relay; whoever
// knows that no profile may be sent says so with a ban.
//
// # Cost
//
// What is allocated for an envelope is at most a tenth of its body and 1 MiB. Most of
// it is a compressor of 0.8 MB, which is kept between envelopes. An attempt to fit
// compresses the envelope once, so a budget that is missed by far costs several.
//
// # Concurrency
//
// A [Fitting] belongs to one goroutine. Bodies that are written while they are read
// have a goroutine each, which ends when the body is closed.
package envelope
