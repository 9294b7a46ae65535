// Package cgrouptest makes real control groups for tests, which need root and
// a control group file system that can be written.
package cgrouptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/internal/testenv"
)

// NoLimit is the limit of a group that has none.
const NoLimit = -1

// New makes groups within each other, one per limit in bytes, the outermost
// first, and returns their folders. The test ends them, so all processes that
// [Join] one have to be gone by then. Where groups cannot be made the test is
// ended by [testenv.Need].
//
// On v1 the outermost is below the test's own group. On v2 a group with
// processes in it cannot have one with memory below it, so it is the nearest
// group above that hands the controller down.
func New(t testing.TB, limits ...int64) []string {
	t.Helper()
	m, err := cgroup.Open("/")
	testenv.Need(t, err == nil, fmt.Sprint("no memory control group: ", err))
	defer m.Close()
	parent := m.Dir()
	if m.Version() == 2 {
		for !handsDown(parent) && parent != "/" {
			parent = filepath.Dir(parent)
		}
		testenv.Need(t, parent != "/", "no control group above hands the memory controller down")
	}
	var dirs []string
	for i, limit := range limits {
		dir, err := os.MkdirTemp(parent, "leakguard-test-")
		testenv.Need(t, err == nil || i > 0, fmt.Sprint("no control group can be made: ", err))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { remove(t, dir) })
		file := filepath.Join(dir, map[int]string{1: "memory.limit_in_bytes", 2: "memory.max"}[m.Version()])
		if limit != NoLimit {
			if err := os.WriteFile(file, strconv.AppendInt(nil, limit, 10), 0); err != nil {
				t.Fatal("set the limit:", err)
			}
			forbidSwap(t, dir, m.Version(), limit)
		}
		if m.Version() == 2 && i < len(limits)-1 {
			if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
				t.Fatal("hand the controller down:", err)
			}
		}
		dirs, parent = append(dirs, dir), dir
	}
	return dirs
}

// forbidSwap makes the limit one at which the kernel kills also on a machine
// with swap. Without the file the kernel does not account swap.
func forbidSwap(t testing.TB, dir string, version int, limit int64) {
	t.Helper()
	file, value := "memory.swap.max", int64(0)
	if version == 1 {
		file, value = "memory.memsw.limit_in_bytes", limit // of memory and swap together
	}
	err := os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, value, 10), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		t.Fatal("forbid swap:", err)
	}
}

// Join puts the calling process into a group of [New]. What it has allocated
// before stays charged to its old group.
func Join(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
}

func handsDown(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	return err == nil && strings.Contains(" "+strings.TrimSpace(string(text))+" ", " memory ")
}

// remove removes a group. The kernel refuses for a moment after the last
// process in it has ended.
func remove(t testing.TB, dir string) {
	var err error
	for range 100 {
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("a control group remains: %v", err)
}
