// Package sentryhook delivers to Sentry: no payload that a relay refuses leaves
// the process, no transaction is profiled while that would hurt, and incidents of
// a guard arrive as events.
//
//   - [Configure] puts a [Transport] into the options of a Sentry client. It
//     makes envelopes fit what proxies and Relay accept.
//   - [NewGate] decides per transaction whether it may be profiled now, which
//     saves the memory that a profile takes before any transport sees it.
//   - [NewSink] turns incidents into events.
//
// Each of them works without the others, with every sentry-go from v0.30.0, the
// last one that profiles, to the newest.
//
// # The transport
//
// The way of a request:
//
//  1. An envelope is read where it lies in memory, by offsets.
//  2. Validity first, whatever the size: samples beyond 30 s are cut, since
//     Relay refuses a profile that has any.
//  3. Compaction without loss, whatever the size: on every thread but the
//     transaction's the first and the last sample of each run of equal stacks
//     stay; stacks, frames and thread metadata that nothing refers to any more go.
//     Sentry builds its call trees from the transaction's thread alone: they,
//     their durations and the numbers of samples are the same before and after,
//     and what passes Relay's checks still does.
//  4. What is over a budget loses data, in this order, until it fits: the
//     samples of the other threads; then all but the ends of the transaction's
//     thread's runs of equal stacks (of the last run three samples, so that no
//     function vanishes); then every second of those, and so on; then the whole
//     profile. Attachments that would not fit even then go first, the largest
//     before the others, and a note takes their place.
//  5. The result is compressed where that makes it smaller, and sent.
//
// The event, the transaction and all else are never left out, however large.
// Everything that is left out is in [Transport.Stats] and in the log; a body in
// which there is nothing to do arrives as it was, byte for byte.
//
// A host that answers 413, or 400 for the size, gets half of what it refused
// for ten minutes, and the same envelope goes to it once more without its
// profile. That bends the rule of [http.RoundTripper] not to interpret the
// response: the SDKs log a 413 and forget the transaction. A relay that asks, in
// X-Sentry-Rate-Limits or with a 429, for no profiles for a while gets none.
//
// # What is not understood
//
// A request that carries no envelope, an envelope that is malformed (a wrong
// length, a header that is no JSON object or over 16 KiB, more than 256 items)
// and a body that is compressed already or cannot be read twice and is larger
// than TransportConfig.BufferBytes are passed on as they are, and counted.
//
// A profile that is malformed or of another format than Relay's sample format 1
// (so also a profile_chunk of continuous profiling) is passed on as it is within
// its budget, and left out beyond. JSON with a key given twice, or with samples
// that refer to what is not there, counts as malformed; invalid UTF-8 or NUL bytes
// within strings do not matter, since no string is decoded.
//
// # Cost
//
// An envelope of 70 MB (1,000 parked goroutines, 10 s) takes 65 ms on one core,
// 1 GB/s, and becomes 325 kB, on the wire 42 kB. Of one in which each sample
// differs from the one before, the worst case, 230 MB/s are read. What is
// allocated for a request, all in all, is at most a tenth of its body and 1 MiB; the
// SDK holds the body itself. A compressor of 0.8 MB is kept between requests. An
// event of 1 KB takes 0.1 ms. (The benchmarks of this package, on two cores of a
// virtual machine.)
//
// While a relay hangs, the SDK queues up to 1,000 bodies as it made them, before
// any transport sees them: 3,000 bodies of 20 KiB held 22 MiB. With profiles only
// the gate bounds that, as what is queued is live heap.
//
// # Concurrency
//
// A [Transport] may be used by several goroutines. It starts none, but for
// bodies above 128 KiB that are written while they are sent, which end when the
// request's body is closed.
package sentryhook
