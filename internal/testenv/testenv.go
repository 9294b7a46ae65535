// Package testenv says what tests do in which environment: how large a slow test runs, and
// whether a test may skip that needs more than a Go toolchain, such as root, a writable
// cgroup or a tmpfs mount.
package testenv

import "testing"

// Need skips the test with the reason why, unless ok. With STRICT_CI=1 in the
// environment it fails the test instead: that machine is supposed to have
// everything, and a silently skipped test is a lost test.
func Need(t testing.TB, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case strict():
		t.Fatalf("needed because STRICT_CI=1 is set: %s", why)
	default:
		t.Skip(why)
	}
}
