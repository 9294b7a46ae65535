// Package sentryhook delivers to Sentry. It makes envelopes fit what proxies and Relay
// accept, so that profiles do not cost transactions. It profiles only when there is
// room, and it reports the incidents of a guard as events.
//
//   - [Configure] puts a [Transport] into the options of a Sentry client. It makes
//     envelopes fit what proxies and Relay accept.
//   - [NewGate] decides per transaction whether it may be profiled now. This saves the
//     memory that a profile takes before any transport sees it.
//   - [NewSink] turns incidents into events.
//
// Each of them works without the others, with every sentry-go from v0.30.0, the last
// one that profiles, to the newest.
//
// # The transport
//
// The way of a request:
//
//  1. The envelope is read in place, by offsets.
//  2. Validity comes first: samples beyond 30 s are cut, whatever the size of the
//     profile, since Relay refuses a profile that has any.
//  3. Profiles of any size are then compacted without loss. On every thread but the
//     transaction's, only the first and the last sample of each run of equal stacks
//     stay. Stacks, frames and thread metadata that are no longer referred to are
//     removed. Sentry builds its call trees from the transaction's thread alone, so
//     the trees, their durations and their numbers of samples are the same before and
//     after. A profile that passes Relay's checks still does.
//  4. An envelope over a budget loses data, in this order, until it fits: the samples
//     of the other threads; all but the ends of the runs of equal stacks of the
//     transaction's thread (of the last run three samples, so that no function
//     disappears); every second of those, and so on; the whole profile. Attachments
//     that would not fit even then are left out before that, the largest first, and a
//     note takes their place.
//  5. A body that came larger than 1 MiB is compressed if that makes it smaller. What fits
//     is sent plain, as the SDKs do: not every stub server and tunnel takes gzip.
//
// Other items, such as the event and the transaction, are never left out, however
// large they are. Everything that is left out is in [Transport.Stats] and in the log.
// A body that needs no change arrives byte for byte.
//
// # What the default leaves out
//
// By default a body has at most 1 MiB as it is sent, which passes a stock nginx, unless
// the host has accepted a larger one:
//
//   - A profile that is larger, compacted and compressed, loses samples.
//   - An attachment beside an event or a transaction is left out if it does not fit, even
//     where the server would take it: a refusal could cost the event. Set
//     TransportConfig.WireBytes to what the server takes.
//   - Attachments alone, as a [Sink] sends its evidence, may be larger. The first one that
//     is refused teaches what the host takes; a note takes its place. That holds until a
//     larger one is accepted, and one is tried every TransportConfig.LearnFor.
//
// Nothing that can be left out exceeds a WireBytes that is set.
//
// # What a refusal teaches
//
// An envelope that is answered with 413, or with 400 because of its size, is sent again
// with less: without its profile, or else compressed; then without its attachments. This
// bends the rule of [http.RoundTripper] not to interpret the response: the SDKs log a 413
// and drop the transaction.
//
// If one of these is accepted, the host gets half of what it refused of that kind: of
// bodies with a profile and of plain bodies for ten minutes, of attachments as said above.
// If none is, the event itself was too large, and nothing is learned. While a relay's
// X-Sentry-Rate-Limits, or a 429, forbid profiles, none are sent. [LearnedBudget] has what
// was learned.
//
// # What is not understood
//
// These are passed on as they are, and counted: a request that does not carry an
// envelope; a malformed envelope (a wrong length, a header that is not a JSON object
// or is larger than 1 MiB, more than 256 items); a body that is already compressed;
// and a body that cannot be read twice and is larger than
// TransportConfig.BufferBytes.
//
// A profile that is malformed, or has another format than Relay's sample format 1,
// such as a profile_chunk of continuous profiling, is sent as it is within its budget
// and left out beyond it. JSON with a repeated key, or with samples that refer to what
// does not exist, counts as malformed. Invalid UTF-8 or NUL bytes within strings do
// not matter, since strings are not decoded.
//
// # Cost
//
// An envelope of 70 MB (1,000 parked goroutines, 10 s) takes 65 ms on one core, which
// is 1 GB/s, and becomes 325 kB, or 42 kB on the wire. In the worst case, if each
// sample differs from the one before, it is 230 MB/s. Attachments that cannot shrink are
// not compressed, which a sample of 32 KiB tells: 20 MB take less than 5 ms. Where they are
// beside something that has to shrink, it is 170 MB/s. Everything that is allocated for
// a request is at most a tenth of its body and 1 MiB, or 2.5 MiB where both kinds come
// together; the SDK holds the body itself. A compressor of 0.8 MB is kept between
// requests, and another of 1.2 MB for both kinds together. An event of 1 KB takes 0.01 ms.
// A request whose context is done ends within 64 KiB of compression. (The benchmarks of
// internal/transport, on two cores of a virtual machine.)
//
// While a relay hangs, the SDK queues up to 1,000 bodies before any transport sees
// them: 3,000 bodies of 20 KiB held 22 MiB. With profiles only the gate bounds that,
// because what is queued is live heap.
//
// # Concurrency
//
// A [Transport] may be used by several goroutines. It starts none, except for bodies
// above 128 KiB, which are written by a goroutine while they are sent. That goroutine
// ends when the request's body is closed.
//
// # Inside
//
// The public types are a door. What they do is in packages of their own below
// sentryhook/internal: transport, envelope, compact and jsonscan for the transport, one
// on top of the other; gate; sink on link; receipt, by which the transport tells the sink
// what it has left out; and sdk for what they have to know about sentry-go.
package sentryhook
