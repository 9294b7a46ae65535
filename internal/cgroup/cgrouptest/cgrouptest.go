// Package cgrouptest makes real control groups for tests, which need root and
// a control group file system that can be written.
package cgrouptest

import (
	"errors"
	"testing"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
	"github.com/leakguard/leakguard/internal/testenv"
)

// NoLimit is the limit of a group that has none.
const NoLimit = newgroup.NoLimit

// New makes groups as [newgroup.Make] does. The test ends them, so all processes
// that [Join] one have to be gone by then. Where groups cannot be made the test is
// ended by [testenv.Need].
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

// Join puts the calling process into a group of [New]. What it has allocated
// before stays charged to its old group.
func Join(dir string) error { return newgroup.Join(dir) }
