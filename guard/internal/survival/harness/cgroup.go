//go:build linux

package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Hierarchy is a place in the memory cgroup hierarchy where groups can be created.
type Hierarchy struct {
	Parent string // its folder
	V2     bool
}

// FindHierarchy finds where this process may create memory cgroups. With v1 that is
// below its own group. With v2, where a group that has processes cannot delegate
// controllers to its children, it is below the nearest ancestor that delegates the
// memory controller. root is the root of the file system, "/" except in tests.
func FindHierarchy(root string) (Hierarchy, error) {
	own, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return Hierarchy{}, fmt.Errorf("harness: find a cgroup: %w", err)
	}
	var v2 string
	for line := range strings.Lines(string(own)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) < 3 {
			continue
		}
		if part[1] == "memory" {
			mount := filepath.Join(root, "sys/fs/cgroup/memory")
			parent := filepath.Join(mount, part[2])
			if _, err := os.Stat(parent); err != nil {
				parent = mount // a container that sees its own group as the root
			}
			return check(Hierarchy{Parent: parent})
		}
		if part[0] == "0" {
			v2 = part[2]
		}
	}
	for ; v2 != ""; v2 = filepath.Dir(v2) {
		parent := filepath.Join(root, "sys/fs/cgroup", v2)
		handed, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
		if err == nil && slices.Contains(strings.Fields(string(handed)), "memory") {
			return check(Hierarchy{Parent: parent, V2: true})
		}
		if v2 == "/" {
			break
		}
	}
	return Hierarchy{}, errors.New("harness: find a cgroup: no memory controller; use a host with cgroup v1 or v2 memory control")
}

func check(h Hierarchy) (Hierarchy, error) {
	// 2 is W_OK. It fails on a read-only file system even for root.
	if err := syscall.Access(h.Parent, 2); err != nil {
		return h, fmt.Errorf("harness: find a cgroup: cannot create groups in %s: %w; run as root, outside of a container or in a privileged one", h.Parent, err)
	}
	return h, nil
}

// Group is a memory cgroup without swap.
type Group struct {
	Hierarchy
	Path string
	cpu  *Group // the group with the CPU quota; nil: there is none, or it is this group
}

// NewGroup creates a group that may use limit bytes.
func (h Hierarchy) NewGroup(limit int64) (*Group, error) {
	path, err := os.MkdirTemp(h.Parent, "leakguard-survival-")
	if err != nil {
		return nil, fmt.Errorf("harness: create a cgroup: %w", err)
	}
	g := &Group{Hierarchy: h, Path: path}
	set := map[string]string{"memory.limit_in_bytes": strconv.FormatInt(limit, 10), "memory.swappiness": "0"}
	optional := "memory.memsw.limit_in_bytes" // missing in v1 without swap accounting
	if h.V2 {
		set = map[string]string{"memory.max": strconv.FormatInt(limit, 10)}
		optional = "memory.swap.max"
	}
	for name, value := range set {
		err = errors.Join(err, g.write(name, value))
	}
	value := "0"
	if !h.V2 {
		value = strconv.FormatInt(limit, 10)
	}
	if oerr := g.write(optional, value); oerr != nil && !errors.Is(oerr, fs.ErrNotExist) && !errors.Is(oerr, fs.ErrPermission) {
		err = errors.Join(err, oerr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("harness: limit cgroup %s: %w", path, err), g.Remove())
	}
	return g, nil
}

func (g *Group) write(name, value string) error {
	// Without O_CREATE: if the file does not exist, a cgroup file system would answer
	// it with a confusing permission error.
	f, err := os.OpenFile(filepath.Join(g.Path, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Procs returns the path of the file that moves processes into the group.
func (g *Group) Procs() string { return filepath.Join(g.Path, "cgroup.procs") }

// Kills returns how many processes of the group the kernel has killed at the limit.
func (g *Group) Kills() (int, error) {
	name := "memory.oom_control"
	if g.V2 {
		name = "memory.events"
	}
	f, err := os.Open(filepath.Join(g.Path, name))
	if err != nil {
		return 0, fmt.Errorf("harness: count kills: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, fmt.Errorf("harness: count kills: no oom_kill in %s", f.Name())
}

// Remove removes the group. It waits up to 2 s for the kernel to remove dead
// processes from it.
func (g *Group) Remove() error {
	var err error
	if g.cpu != nil {
		defer g.cpu.Remove()
	}
	for range 100 {
		if err = syscall.Rmdir(g.Path); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("harness: remove cgroup %s: %w", g.Path, err)
	}
	return nil
}
