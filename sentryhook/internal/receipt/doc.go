// Package receipt tells the sender of an envelope what a transport left out of it.
//
// An answer of the server says that a body was accepted, and not that the transport had
// sent the whole of it. Whoever has to know attaches a [Receipt] to the request's context
// with [With]; the transport finds it there with [From], and fills it in before it
// returns.
//
// # Cost
//
// None to speak of.
//
// # Concurrency
//
// A [Receipt] may be used by several goroutines.
package receipt
