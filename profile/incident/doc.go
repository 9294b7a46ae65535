// Package incident holds an incident as data, and reads the folders that a guard
// leaves behind.
//
// It writes no files; internal/store does that. It does not decide when an
// incident opens either.
//
//  1. A [Reading] is one sample of the process. [Reading.Division] divides up the
//     memory that counts against the limit (division.go), and [Reading.Verdict]
//     says in words what fills it (verdict.go). Both are functions of readings
//     alone.
//  2. A [Manifest] is one incident: why it opened, the readings before it, limits,
//     trends, captures, decisions and files (manifest.go). [Manifest.Encode] and [ReadManifest]
//     convert it to and from manifest.json, within limits (manifest_json.go).
//  3. A [Death] in a manifest says what the previous process died of (death.go).
//  4. [OpenStore] and [ReadFolder] read folders (store.go, read.go). They compare the
//     manifest with the files beside it, and report an incident that a dying process
//     left incomplete with [Manifest.CutShort] set. Doubts are in
//     [Manifest.Warnings].
//  5. A [Suspect] is a place in the code that may leak. Package diff fills it, and
//     package report revises its role and confidence.
//
// # Concurrency
//
// A [Store] may be used from several goroutines at once, while other processes write
// to its folder. Functions and methods of values share no state.
//
// # Cost
//
// [Reading.Division] and [Reading.VerdictClass] do not allocate (BenchmarkDivision).
// A [Store] holds no file descriptors between calls. A manifest takes at most 4 MiB,
// and about 90 KB with 64 readings.
package incident
