// Package leakprograms provides tests with the goroutine leaks that ship with the
// Go distribution: 63 real ones, from GoBench's GoKer, and 22 simple ones. It reads
// them from GOROOT when a test runs, so that none is copied into this repository.
//
// The way of the data:
//
//  1. Write rewrites each program so that it can run repeatedly, and makes a module of
//     the programs and a driver, which the test provides. Without STRICT_CI=1 it takes
//     the simple ones only.
//  2. Module.Go builds the module. The driver finds the programs by name in cmds,
//     and sets in copies how often each may start its bug.
//  3. Program.Leaks says whether the distribution's own test expects what the
//     driver found.
//
// The package patterns below it has healthy programs. Rewriting takes 0.1 s, and
// building takes some seconds.
package leakprograms
