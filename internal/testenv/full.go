package testenv

import (
	"os"
	"testing"
)

// Full reports whether tests run whole: with STRICT_CI=1 in the environment, and
// without -short. Otherwise they run smaller, so that go test ./... takes less
// than two minutes. docs/testing.md lists what is smaller.
//
// CI runs everything whole once, and passes -short where it runs the same tests
// again for another architecture or another release of Go.
//
// Flags must have been parsed: TestMain may call it only after flag.Parse.
func Full() bool {
	return strict() && !testing.Short()
}

// Scaled returns full if tests run whole, and small otherwise.
func Scaled[T any](full, small T) T {
	if Full() {
		return full
	}
	return small
}

// NeedFull skips the test with the reason why, unless tests run whole. It is for
// what cannot be made smaller.
func NeedFull(t testing.TB, why string) {
	t.Helper()
	if !Full() {
		t.Skip(why + "; STRICT_CI=1 runs it")
	}
}

// strict reports whether the machine is meant to have everything.
func strict() bool { return os.Getenv("STRICT_CI") == "1" }
