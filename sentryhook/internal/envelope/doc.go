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
// What fits is not compressed. What has to be, and cannot shrink as far as a sample tells,
// is not compressed in vain.
//
// The package decides by size alone. It knows neither HTTP nor the relay; whoever
// knows that no profile may be sent says so with a ban.
//
// # Cost
//
// What is allocated for an envelope is at most a tenth of its body and 1 MiB, or 2.5 MiB
// if something in it cannot shrink and something else has to. Most of it is a compressor
// of 0.8 MB, and another of 1.2 MB in that case, which are kept between envelopes. An
// attempt to fit compresses the envelope once, at 170 MB/s or more, and a budget that is
// missed by far costs several. Attachments of any number cost nine attempts at most.
//
// # Concurrency
//
// A [Fitting] belongs to one goroutine. Bodies that are written while they are read
// have a goroutine each, which ends when the body is closed.
package envelope
