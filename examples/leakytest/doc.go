// Package leakytest is a small package with tests that run in parallel. One of them
// leaks goroutines:
//
//	go test -tags leak ./examples/leakytest
//
// Without the tag all tests pass. The files in testdata show what guardtest reports
// about the leak, and what goleak does.
package leakytest
