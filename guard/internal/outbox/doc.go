// Package outbox delivers the events of incidents to sinks: each at least once to
// each sink, over any number of restarts, and exactly once unless the process dies
// between the acceptance of an event and its record.
//
//  1. [Box.Post] numbers an event within its incident and queues it for each sink.
//     It never blocks and never touches the disk.
//  2. A sink is offered one event at a time, on a goroutine of that delivery's own.
//     New events go first, in the order in which they were posted; then comes the
//     backlog of earlier processes, the newest incident first. The events of one
//     incident always go in order.
//  3. A sink that fails is not offered that event again before the next start.
//  4. The clerk, one goroutine, writes events and acceptances into the incident's
//     delivery.json, and reads the backlog from there, one incident at a time and
//     only when a sink has nothing newer to do.
//
// [Book] is the policy: a pure data structure that says what to offer, what to read
// and what to write next. [Box] is the shell around it, with the goroutines.
//
// # Bounds
//
// A Book holds a bounded number of events in memory. Beyond it, incidents whose
// events are on disk are forgotten and read again when their turn comes. The events
// of incidents that are not on disk are dropped, the oldest first, and counted.
//
// # Concurrency
//
// The methods of a Box may be called from any goroutine. A Book is for one goroutine
// at a time. A sink that hangs holds up neither other sinks nor the clerk, and a disk
// that hangs holds up no event that is in memory.
package outbox
