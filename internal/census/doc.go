// Package census counts a process's goroutines by where they wait and detects the
// sites where they pile up.
//
//  1. [Reader.Take] counts all goroutines by site: what they wait for, the line of
//     the user's own code that waits, and the function that started them.
//     [Reader.Predict] estimates beforehand what it will allocate.
//  2. [Next] schedules the next census so that censuses cost at most 0.1% of a
//     core on average.
//  3. [Watch.Observe] follows the sites over time. [Watch.Sites] says for each
//     whether it is calm, growing or leaking, and why.
//  4. [Watch.Prove] records what the garbage collector has proved.
//  5. [Moment] chooses when to read the text form of the goroutines, and [Creators] keeps
//     who starts those of the largest sites.
//
// # What counts as a leak
//
// A site leaks if all of this holds:
//
//   - Its goroutines wait for something that may never come: a channel, select,
//     lock, WaitGroup or Cond.
//   - Their number keeps rising, evenly and in many steps. It must rise for 15
//     minutes if 1,000 were added, 50 minutes if 30 were, 2 hours if 12 were, and 8
//     hours if 6 were.
//   - Almost none of them leave.
//   - They grew by three times what left in the day before.
//   - They do not follow the number of connections one for one.
//
// If goroutines also come and go at the same site, or each belongs to a connection,
// it must rise for 16 hours: longer than a day's load rises. trial.go explains each
// threshold.
//
// Some healthy sites look the same until they stop growing: a pool that grows with
// the first morning's load and never shrinks, and goroutines that live for hours,
// hold no connection and multiply on the first morning. A single goroutine is never
// flagged. Neither is a site that has stood still for 36 hours and for as long as
// it had grown.
//
// # Concurrency
//
// A [Reader], a [Watch], [Creators] and a [Moment] must each be used by one goroutine at a
// time.
//
// # Cost
//
// A census takes about 0.5 ms of CPU time for 1,000 goroutines, 11 ms for 10,000,
// 0.12 s for 100,000 and 1.8 s for a million. It always stops the world for less
// than 0.1 ms. It allocates about 380 bytes per goroutine, all garbage when it
// returns except a buffer of at most 1 MiB. The pprof profile takes twice the time
// below 100,000 goroutines, and compresses as well. A watch keeps at most 512 sites
// in 1 MB.
//
// Reading the text form stops the world for 8 to 60 µs a goroutine, so it is done only
// below 1,000 goroutines, rarely, and not where it would take more than 25 ms.
package census
