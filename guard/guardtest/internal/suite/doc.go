// Package suite holds tests that leak and tests that do not. Further tests run them
// as a user would, in each mode of go test, and check which of them fail and what
// they say. It exports nothing.
package suite
