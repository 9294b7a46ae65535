// Package programs holds the tests that judge guardtest on real programs: the leaks
// that ship with the Go distribution, each in a separate test, the same leaks in
// their fixed versions, and healthy servers. It exports nothing.
package programs
