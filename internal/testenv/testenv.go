// Package testenv decides what tests do in which environment: how large those run
// that take long, and what those do that need more than a Go toolchain, such as
// root, a writable cgroup or a tmpfs mount.
package testenv

import "testing"

// Need skips the test with the reason why, unless ok. With STRICT_CI=1 in the
// environment it fails the test instead: there the machine is meant to have
// everything, and a test that skips silently is a test that was lost.
func Need(t testing.TB, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case strict():
		t.Fatalf("needed here, as STRICT_CI=1 is set: %s", why)
	default:
		t.Skip(why)
	}
}
