// Package transport sends requests to a Sentry relay, and makes the envelopes in them
// fit what the relay and proxies before it accept.
//
// The way of a request:
//
//  1. A request that does not carry an envelope is passed on as it is.
//  2. The body is read where it lies in memory. Only a body that cannot be read twice is
//     copied, up to Config.BufferBytes.
//  3. Package envelope makes it fit: the configured budgets, or what the host's answers
//     have taught. No profile is sent while the relay's rate limits or
//     Config.ProfileBytesPerMinute forbid that.
//  4. The result is sent. If the answer is that it was too large, it is sent again with one
//     concession after the other, until it is accepted. What the last one gave up is what
//     the host had refused, and is learned.
//  5. Everything that was left out is counted and logged, and told to the sender in its
//     receipt.
//
// # Cost
//
// See the package envelope, which does the work. The transport remembers 64 hosts and
// projects at most.
//
// # Concurrency
//
// A [Transport] may be used by several goroutines, and starts none itself.
package transport
