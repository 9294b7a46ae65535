// Package ingest is a small server that accepts Sentry envelopes and rejects what
// Relay rejects. Tests and the example of sentryhook send to it.
//
// It handles a request in this order:
//
//  1. Count its bytes on the wire, as a reverse proxy does. Above
//     Server.WireBytes the answer is 413.
//  2. Decompress it and count again. Above Relay's limit for envelopes the answer
//     is 413.
//  3. Split the envelope by the lengths in its item headers. If it cannot
//     be parsed, the answer is 400.
//  4. Check the limit for each kind of item. If one item exceeds it, the whole
//     envelope is rejected, its transaction included: 413.
//  5. Answer 200. Only then, as in Relay, inspect each item. If Relay would
//     drop it, Item.Refused has the reason.
//
// The limits are the defaults of relay-config, counted in the same way as
// check_envelope_size_limits in relay-server/src/utils/sizes.rs. The checks of a
// profile are those of relay-profiling/src/sample/v1.rs. Relay does more, but what
// depends on a project's configuration (quotas, filters, sampling) is left out.
//
// # Concurrency
//
// A Server handles any number of requests at a time. Each takes as much memory as
// its decompressed body, at most 200 MiB. Bodies are not kept.
package ingest
