// Package ingest is a small server that takes Sentry envelopes and refuses what
// Relay refuses. Tests and the example of sentryhook send to it.
//
// The way of a request:
//
//  1. Its bytes on the wire are counted, as a reverse proxy does
//     (Server.WireBytes): 413.
//  2. It is decompressed and counted again: an envelope over Relay's limit is
//     413.
//  3. The envelope is taken apart by the lengths in its item headers. What
//     cannot be read is 400.
//  4. Each kind of item has a limit. One item over it refuses the whole
//     envelope, the transaction with it: 413.
//  5. 200. Only then, as Relay does, each item is looked into; one that Relay
//     would drop has the reason in Item.Refused.
//
// The limits are the defaults of relay-config, counted as
// check_envelope_size_limits in relay-server/src/utils/sizes.rs does. The
// checks of a profile are those of relay-profiling/src/sample/v1.rs. Relay does
// more; what it needs a project's configuration for (quotas, filters, sampling)
// is not here.
//
// # Concurrency
//
// A Server serves any number of requests at a time. Each takes as much memory as
// its decompressed body, 200 MiB at most; bodies are not kept.
package ingest
