// Package compact makes a profile of Sentry's sample format smaller, first without
// loss and then in steps that lose more and more.
//
// The way of a profile:
//
//  1. [Plan] finds the frames, stacks and samples in the payload, by offsets, and
//     selects the samples that stay without loss. Samples beyond 30 s never stay.
//  2. [Compaction.Reduce] takes the next [Step], as often as the profile is still
//     too large.
//  3. After each step Compaction.Size says how large the result will be, and
//     [Compaction.Write] writes it.
//
// A compaction holds positions in the payload and never the data itself, so the
// same payload must be given to each call.
//
// # Cost
//
// 1 GB/s where threads repeat their stacks, 230 MB/s where each sample differs from
// the one before. A compaction allocates a tenth of its payload at most: a bit or
// two for each sample, stack and frame, and 24 bytes for each thread.
//
// # Concurrency
//
// A compaction belongs to one goroutine at a time.
package compact
