// Package layout owns the names in a guard's folder: IDs of incidents, and names of
// their files, of baselines and of temporary files.
//
// It never writes or removes a file, and does not know what is in one.
//
//  1. [NewID], [FileName], [BaselineName] and [LadderName] make names; [ParseID],
//     [KindName], [ParseBaseline], [ParseLadder] and [ParseTemp] take them apart
//     (layout.go).
//  2. [Scan] lists an incident's folder and tells our files from foreign ones
//     (scan.go).
//
// All functions may be called from several goroutines at once.
package layout
