// Package leakprograms hands tests the programs that ship with the Go
// distribution as goroutine leaks: 63 real ones, of GoBench's GoKer, and 22
// simple ones. It reads them from GOROOT when a test runs, so that none is copied
// here.
//
// The way of the data:
//
//  1. Write rewrites each program so that it may be run as often as one likes, and
//     makes a module of them and of a driver, which the test brings. Without
//     STRICT_CI=1 it takes the simple ones only.
//  2. Module.Go builds that. The driver finds the programs in cmds, by name, and says
//     with copies how often each may do its bug.
//  3. Program.Leaks says whether what the driver found is what the
//     distribution's own test expects.
//
// Its folder patterns has what is healthy. Cost: to rewrite takes 0.1 s, to build
// some seconds.
package leakprograms
