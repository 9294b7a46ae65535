// Package budget predicts how many bytes a capture or a comparison will allocate,
// so that a guard that is short of memory can skip it.
//
//  1. [PredictCapture] and [PredictGoroutineText] take a reading of the process,
//     [PredictGoroutines] also the length of the stacks (capture.go).
//  2. [PredictCompare] takes the sizes of the files to compare (compare.go).
//  3. [PredictUnpacked] reads a file that somebody else may have made (unpacked.go).
//
// The predictions are too high rather than too low. The tests of this package measure
// real captures and comparisons against them.
//
// # Concurrency and cost
//
// All functions may be called from several goroutines at once. All but PredictUnpacked,
// which reads a file, are pure and do not allocate.
package budget
