// Package newgroup makes real memory control groups, for tests and examples. It
// needs Linux, root, and a control group file system that can be written.
package newgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup"
)

// NoLimit is the limit of a group that has none.
const NoLimit = -1

// ErrUnable is wrapped by the error of a system where no group can be made.
var ErrUnable = errors.New("no memory control group can be made here")

// Make makes groups without swap within each other, one per limit in bytes, the
// outermost first, and returns their folders. remove removes them; all processes
// that were put into one have to be gone by then.
//
// On v1 the outermost is below the caller's own group. On v2 a group with
// processes in it cannot have one with memory below it, so it is the nearest
// group above that hands the controller down.
func Make(limits ...int64) (dirs []string, remove func() error, err error) {
	m, err := cgroup.Open("/")
	if err != nil {
		return nil, nil, fmt.Errorf("newgroup: %w: %w", ErrUnable, err)
	}
	parent, version := m.Dir(), m.Version()
	if err := m.Close(); err != nil {
		return nil, nil, fmt.Errorf("newgroup: %w", err)
	}
	if version == 2 {
		for !handsDown(parent) && parent != "/" {
			parent = filepath.Dir(parent)
		}
		if parent == "/" {
			return nil, nil, fmt.Errorf("newgroup: %w: no group above hands the memory controller down", ErrUnable)
		}
	}
	remove = func() error {
		var errs []error
		for i := len(dirs) - 1; i >= 0; i-- {
			errs = append(errs, removeGroup(dirs[i]))
		}
		return errors.Join(errs...)
	}
	for i, limit := range limits {
		dir, err := os.MkdirTemp(parent, "leakguard-test-")
		if err != nil {
			if i == 0 {
				err = fmt.Errorf("%w: %w", ErrUnable, err)
			}
			return nil, nil, errors.Join(fmt.Errorf("newgroup: %w", err), remove())
		}
		dirs = append(dirs, dir)
		if err := prepare(dir, version, limit, i < len(limits)-1); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("newgroup: %w", err), remove())
		}
		parent = dir
	}
	return dirs, remove, nil
}

// prepare sets a group's limit, and has it hand the controller down if there
// will be a group below.
func prepare(dir string, version int, limit int64, above bool) error {
	file := map[int]string{1: "memory.limit_in_bytes", 2: "memory.max"}[version]
	if limit != NoLimit {
		if err := write(dir, file, strconv.FormatInt(limit, 10)); err != nil {
			return fmt.Errorf("set the limit: %w", err)
		}
		if err := forbidSwap(dir, version, limit); err != nil {
			return fmt.Errorf("forbid swap: %w", err)
		}
	}
	if version == 2 && above {
		if err := write(dir, "cgroup.subtree_control", "+memory"); err != nil {
			return fmt.Errorf("hand the controller down: %w", err)
		}
	}
	return nil
}

// forbidSwap makes the limit one at which the kernel kills also on a machine
// with swap. Without the file the kernel does not account swap.
func forbidSwap(dir string, version int, limit int64) error {
	file, value := "memory.swap.max", "0"
	if version == 1 {
		file, value = "memory.memsw.limit_in_bytes", strconv.FormatInt(limit, 10) // of memory and swap together
	}
	err := write(dir, file, value)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

// write writes a file of the kernel's, which is there or is not to be made.
func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0)
}

// Join puts the calling process into a group of [Make]. What it has allocated
// before stays charged to its old group.
func Join(dir string) error { return write(dir, "cgroup.procs", "0") }

func handsDown(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	return err == nil && strings.Contains(" "+strings.TrimSpace(string(text))+" ", " memory ")
}

// removeGroup removes a group. The kernel refuses for a moment after the last
// process in it has ended.
func removeGroup(dir string) error {
	var err error
	for range 100 {
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("newgroup: a control group remains: %w", err)
}
