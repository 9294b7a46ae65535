// Package goruntime reads the Go runtime's memory and goroutine figures from
// [runtime/metrics]. A quantity that [runtime.MemStats] also has keeps its name
// from there. [runtime.ReadMemStats] stops the world at each call; metrics do not.
//
// These fields of MemStats have no exact source among the metrics and are therefore
// not read:
//
//   - Lookups is always 0 in MemStats itself.
//   - LastGC, PauseTotalNs, PauseNs and PauseEnd: the metrics have a histogram
//     of pauses, with neither their times nor their exact sum.
//   - GCCPUFraction: /cpu/classes has the seconds, but only estimated, and as of
//     the last cycle.
//   - EnableGC and DebugGC are constants.
//   - BySize: the histograms by size have other buckets.
//
// NumGC counts completed cycles, as MemStats does. NextGC is the current goal;
// MemStats computes the same number. If a toolchain lacks a metric (goroutines by
// state and threads came with Go 1.26), its quantity is [Unknown].
//
// # Concurrency
//
// A [Reader] must be used by one goroutine at a time. Several Readers may be used
// at the same time.
//
// # Cost
//
// [Reader.Read] takes less than 1 µs for 32 metrics and allocates nothing
// (BenchmarkRead; compare BenchmarkReadMemStats). [Wakeups.Read] takes 0.17 µs
// (BenchmarkWakeups) and allocates only at its first call.
package goruntime
