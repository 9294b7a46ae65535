// Package profile captures and reads pprof profiles of any [Kind].
//
// It also owns the vocabulary that the packages below it share: a [Frame], a
// [Unit], and the quantities [Bytes], [Count] and [MilliCPU], which are [Unknown]
// rather than 0 if a source does not report them.
//
// It does not know about incidents. Data flows through these packages:
//
//  1. [Capture] writes a profile of this process. A guard decides when, and stores
//     it in an incident's folder.
//  2. Package incident reads that folder: the manifest and the files beside it.
//  3. [Read] and [ReadFile] parse a profile of any program, within limits.
//  4. Package diff compares two profiles and finds who grew in between.
//  5. Package report explains an incident and renders text, Markdown and HTML.
//     The command leakreport does the same from a shell.
//
// # Concurrency
//
// All functions may be called from several goroutines at once.
//
// # Cost
//
// The comment of each [Kind] says what its capture costs. [Read] takes about
// 1.5 KiB a stack, and refuses a profile that would take more than 640 MiB.
// Reading and comparing two heap profiles of 50,000 stacks takes 0.23 s and
// allocates 144 MiB; of 1,000 stacks it takes 23 ms and 20 MiB (BenchmarkCompareHeap
// in package diff, on two cores of a virtual machine).
package profile
