// Package programs holds the tests that judge guardtest on real programs: the
// leaks that ship with the Go distribution, each in a test of its own; the same
// leaks as they were fixed; and servers that are healthy. It exports nothing.
package programs
