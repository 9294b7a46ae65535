// Package sink tells Sentry about the incidents of a guard.
//
// The way of an event of a guard:
//
//  1. [Sink.Deliver] finds the incident's record, which says what has been sent, and waits
//     for its turn.
//  2. A plan chooses which files to attach, within the budgets.
//  3. The quota allows the event or drops it.
//  4. What cannot be read, or may have labels, is taken out of the plan. newEvent makes
//     Sentry's event of the rest: title, fingerprint, tags and contexts.
//  5. Package link has the SDK prepare the event, and posts it.
//  6. Each file follows as an attachment, without labels if that is configured. It counts
//     as attached if it has arrived: a transport of ours may leave it out.
//
// # Cost
//
// One file is in memory at a time; to strip labels, all of the plan. Stripping labels takes 140 times the size of a
// compressed profile, and is done only if that is a quarter of the memory that is left at
// most. 128 incidents and 256 fingerprints are remembered.
//
// # Concurrency
//
// The methods of a [Sink] may be called from any goroutine. What belongs to one incident
// is sent by one of them at a time. An incident that has no evidence yet has a timer.
package sink
