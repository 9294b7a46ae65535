// Package cgrouptest creates real control groups for tests. It needs root and a
// writable cgroup file system.
package cgrouptest

import (
	"errors"
	"testing"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
	"github.com/leakguard/leakguard/internal/testenv"
)

// NoLimit is the limit of a group without one.
const NoLimit = newgroup.NoLimit

// New creates groups like [newgroup.Make]. The test removes them when it ends, so
// all processes that called [Join] must have exited by then. If groups cannot be
// created, [testenv.Need] ends the test.
func New(t testing.TB, limits ...int64) []string {
	t.Helper()
	dirs, remove, err := newgroup.Make(limits...)
	if errors.Is(err, newgroup.ErrUnable) {
		testenv.Need(t, false, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return dirs
}

// Join moves the calling process into a group of [New]. Memory that it has already
// allocated stays charged to its old group.
func Join(dir string) error { return newgroup.Join(dir) }
