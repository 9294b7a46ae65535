// Package goruntime reads the Go runtime's memory and goroutines from
// [runtime/metrics], under the names of [runtime.MemStats] where it has the
// quantity. [runtime.ReadMemStats] stops the world at each call; metrics do not.
//
// These fields of MemStats have no exact source among the metrics, and are
// therefore not read:
//
//   - Lookups is always 0 in MemStats itself.
//   - LastGC, PauseTotalNs, PauseNs and PauseEnd: the metrics have a histogram
//     of pauses, with neither their times nor their exact sum.
//   - GCCPUFraction: /cpu/classes has the seconds, but as of the last cycle, and
//     estimated.
//   - EnableGC and DebugGC are constants.
//   - BySize: the histograms by size have other buckets.
//
// NumGC counts completed cycles as MemStats does. NextGC is the goal that is in
// force; MemStats computes the same number. A metric that a toolchain lacks
// (goroutines by state and threads came with Go 1.26) leaves its quantity
// [Unknown].
//
// # Concurrency
//
// A [Reader] is for one goroutine at a time; any number of Readers may be used
// side by side.
//
// # Cost
//
// [Reader.Read] takes less than 1 µs for 32 metrics and allocates nothing
// (BenchmarkRead, beside BenchmarkReadMemStats). [Wakeups.Read] takes 0.17 µs
// (BenchmarkWakeups) and allocates nothing but, at its first call, its counts.
package goruntime
