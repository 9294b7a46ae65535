// Package postmortem determines how a process died, from its black box and the kernel's
// present counts. It only computes: its callers find the boxes, read the files and write the
// reports.
//
//  1. [Columns] and [Values] select the part of a reading that goes into the black box, and
//     [Readings] converts it back.
//  2. [Manifest] makes the incident of a death from a box and a [Here], which describes the
//     process that found the box.
//  3. [Judge] finds the cause from the [Facts]: the trace of a panic, the kernel's counts of
//     OOM kills, whether memory was near its limit, and whether the host has been restarted.
//  4. [Left] finds the incidents that the process left, which name the culprit. [Series]
//     counts such deaths.
package postmortem
