// Package testenv decides what a test does that needs more than a Go
// toolchain: root, a writable cgroup, a tmpfs mount.
package testenv

import (
	"os"
	"testing"
)

// Need skips the test with the reason why, unless ok. With STRICT_CI=1 in the
// environment it fails the test instead: there the machine is meant to have
// everything, and a test that skips silently is a test that was lost.
func Need(t testing.TB, ok bool, why string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("STRICT_CI") == "1":
		t.Fatalf("needed here, as STRICT_CI=1 is set: %s", why)
	default:
		t.Skip(why)
	}
}
