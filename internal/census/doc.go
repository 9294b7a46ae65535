// Package census counts a process's goroutines by where they wait, and says
// where they pile up.
//
//  1. [Reader.Take] counts all goroutines by site: what they wait for, the line of
//     the user's own code that waits, and the function that they were started
//     with. [Reader.Predict] says before what it will allocate.
//  2. [Next] says when to take the next one, so that they cost at most 0.1% of a
//     core on average.
//  3. [Watch.Observe] follows the sites over time, and [Watch.Sites] says of each
//     whether it is calm, growing or leaking, and why.
//  4. [Watch.Prove] takes in what the garbage collector has proved.
//
// # What is called a leak
//
// A site where goroutines wait for what may never come (a channel, select, lock,
// WaitGroup or Cond), whose number keeps rising, evenly and in many steps, for
// 15 minutes where it is 1,000 more, 50 minutes for 30, 2 hours for 12, 8 hours
// for 6; of which next to none is seen to leave; by three times what left on the
// day before; and not one for one with connections. Where others
// come and go at the same place, or a connection belongs to each, it must rise
// for 16 hours, which is longer than a day's load does. The numbers stand in
// trial.go with their reasons.
//
// It cannot tell a leak from a pool that grows with the first morning's load and
// never shrinks, nor from goroutines that live for hours, hold no connection and
// multiply on the first morning, until they stop growing. A single goroutine is
// never flagged, nor what stopped growing for as long as it had grown and for 36 hours.
//
// # Concurrency
//
// A [Reader] and a [Watch] are each for one goroutine at a time.
//
// # Cost
//
// A census takes about 0.5 ms of CPU time for 1,000 goroutines, 11 ms for
// 10,000, 0.12 s for 100,000 and 1.8 s for a million, and stops the world for
// less than 0.1 ms in any case. It allocates about 380 bytes a goroutine, which
// are garbage when it returns, but for a buffer of at most 1 MiB. The pprof
// profile takes twice the time for less than 100,000 goroutines, and runs its
// own compression. A watch keeps at most 512 sites, 1 MB.
package census
