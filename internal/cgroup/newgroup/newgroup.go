// Package newgroup creates real memory control groups for tests and examples. It
// needs Linux, root, and a writable cgroup file system.
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

// NoLimit is the limit of a group without one.
const NoLimit = -1

// ErrUnable is wrapped by the error on a system where no group can be created.
var ErrUnable = errors.New("no memory control group can be created here")

// Make creates nested groups without swap, one per limit in bytes, outermost first,
// and returns their folders. remove removes them; all processes in them must have
// exited by then.
//
// On v1 the outermost group is below the caller's own. On v2 a group that has
// processes cannot have children with a memory controller. There the parent is the
// nearest ancestor that delegates the controller.
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
			return nil, nil, fmt.Errorf("newgroup: %w: no ancestor delegates the memory controller", ErrUnable)
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

// prepare sets a group's limit and, if it will have a child, delegates the
// controller.
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
			return fmt.Errorf("delegate the controller: %w", err)
		}
	}
	return nil
}

// forbidSwap makes the kernel kill at the limit even on a machine with swap. If the
// file is missing, the kernel does not account swap.
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

// write writes a kernel file, which must exist already.
func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0)
}

// Join moves the calling process into a group of [Make]. Memory that it has already
// allocated stays charged to its old group.
func Join(dir string) error { return write(dir, "cgroup.procs", "0") }

func handsDown(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	return err == nil && strings.Contains(" "+strings.TrimSpace(string(text))+" ", " memory ")
}

// removeGroup removes a group. The kernel refuses for a moment after the group's
// last process has exited.
func removeGroup(dir string) error {
	var err error
	for range 100 {
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("newgroup: a control group could not be removed: %w", err)
}
