// Package postmortem tells what a dead process died of, from its black box and from
// what the kernel counts now. It computes only: it opens no file, and it leaves
// finding the boxes and writing the reports to its callers.
//
//  1. [Columns] and [Values] say what of a reading goes into the black box, and
//     [Readings] reads it back.
//  2. [Manifest] makes the incident of a death out of a box and a [Here]: the place
//     where the process runs that found it.
//  3. [Judge] tells the cause from the [Facts]: the trace of a panic, the kernel's
//     counts of OOM kills, whether memory was near its limit, and whether the host has
//     been started again.
//  4. [Left] finds the incidents that the process left, which say who leaked, and
//     [Series] counts how often such deaths come.
package postmortem
