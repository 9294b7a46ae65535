// Package testenv handles tests that need more than a Go toolchain: root, a
// writable cgroup, a tmpfs mount.
package testenv

import (
	"os"
	"testing"
)

// Need skips the test with the reason why, unless ok. With STRICT_CI=1 in the
// environment it fails the test instead: that machine is supposed to have
// everything, and a silently skipped test is a lost test.
func Need(t testing.TB, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("STRICT_CI") == "1":
		t.Fatalf("needed because STRICT_CI=1 is set: %s", why)
	default:
		t.Skip(why)
	}
}
