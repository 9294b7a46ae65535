// Package suite holds tests that leak and tests that do not, and the tests that
// run them as a user's would be run, in each mode of go test, and look at which
// of them fail and what they say. It exports nothing.
package suite
