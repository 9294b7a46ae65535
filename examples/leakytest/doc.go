// Package leakytest is a small package with tests that run in parallel. One of
// them leaks goroutines:
//
//	go test -tags leak ./examples/leakytest
//
// Without the tag all pass. What guardtest says of the leak, and what goleak says
// of the same one, is in testdata.
package leakytest
