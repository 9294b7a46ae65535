// Package outbox delivers the events of incidents to sinks. Each event reaches each sink at
// least once over any number of restarts. It arrives twice only if the process dies after the
// acceptance and before that is recorded.
//
//  1. [Box.Post] numbers an event within its incident and queues it for each sink. It never
//     blocks and never uses the disk.
//  2. Each sink gets one event at a time, on a separate goroutine per delivery. New events
//     go first, in the order in which they were posted. Then comes the backlog of earlier
//     processes, with the newest incident first. The events of one incident always go in
//     order.
//  3. If a sink fails, it does not get that event again before the next start.
//  4. The clerk, a goroutine, writes events and acceptances to the incident's delivery.json.
//     It reads the backlog from there, one incident at a time, when a sink has nothing newer
//     to do.
//
// [Book] is the policy, a data structure that decides what to offer, read and write next.
// [Box] adds the goroutines.
//
// # Bounds
//
// A Book holds a bounded number of events in memory. Beyond that, it unloads incidents whose
// events are on disk, and reads them again when it is their turn. Events that are not on disk
// are dropped, the oldest first, and counted.
//
// # Concurrency
//
// A Box is safe for concurrent use, and a Book is not. A sink that hangs delays neither other
// sinks nor the clerk. A disk that hangs does not delay events in memory.
package outbox
