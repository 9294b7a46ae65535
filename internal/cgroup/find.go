package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The names of the files, by version.
var (
	usageFile  = [...]string{1: "memory.usage_in_bytes", 2: "memory.current"}
	limitFile  = [...]string{1: "memory.limit_in_bytes", 2: "memory.max"}
	eventsFile = [...]string{1: "memory.oom_control", 2: "memory.events"}
	// v1's soft limit throttles nobody: it says whose memory to reclaim first when the
	// host runs short.
	highFile = [...]string{1: "", 2: "memory.high"}
)

// group is where this process's memory is accounted. Both folders are relative to
// root and use slashes.
type group struct {
	version int
	dir     string // the group's folder
	mount   string // the mount point, which contains dir or equals it
}

// find finds the group of this process.
func find(root string) (group, error) {
	paths, err := readMembership(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return group{}, err
	}
	mounts, err := readMounts(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return group{}, err
	}
	for version := 1; version <= 2; version++ {
		if p, ok := paths[version]; ok {
			if g, ok := locate(root, p, version, mounts); ok {
				return g, nil
			}
		}
	}
	return group{}, fmt.Errorf("cgroup: no memory controller governs this process: it is in v1 group %q and v2 group %q, and none of the %d cgroup mounts shows the usage of either: %w",
		paths[1], paths[2], len(mounts), errors.ErrUnsupported)
}

// locate finds the folder of the named group in the mounts of a version.
//
// In each mount it takes the group itself or, if that has no memory controller or
// is not visible, the nearest ancestor that has one: in v2 memory is charged to
// that one. If the group is outside the mount or the namespace, the mount point
// stands for it, which is how a container sees its own group. Among several mounts,
// locate prefers the one that misses the fewest levels, and then the one that shows
// the most ancestors.
func locate(root, name string, version int, mounts []mount) (group, bool) {
	var best group
	fewest, above := math.MaxInt, 0
	for _, m := range mounts {
		if m.version != version {
			continue
		}
		missed := 0
		rel, ok := below(name, m.root)
		if !ok {
			missed = strings.Count(name, "/") + 1
		}
		for dir := path.Join(m.point, rel); ; dir = path.Dir(dir) {
			info, err := os.Stat(filepath.Join(root, dir, usageFile[version]))
			if err == nil && info.Mode().IsRegular() {
				levels := strings.Count(dir[len(m.point):], "/")
				if missed < fewest || missed == fewest && levels > above {
					best, fewest, above = group{version: version, dir: dir, mount: m.point}, missed, levels
				}
				break
			}
			if dir == m.point || dir == "/" {
				break
			}
			missed++
		}
	}
	return best, best.version != 0
}

// below returns name relative to a mount whose root is the group mountRoot. Names
// that lead out of the namespace start with /.. and are only below mounts whose
// root does, too.
func below(name, mountRoot string) (rel string, ok bool) {
	rel, ok = strings.CutPrefix(name, strings.TrimSuffix(mountRoot, "/"))
	if !ok || rel != "" && rel[0] != '/' {
		return "", false
	}
	for part := range strings.SplitSeq(rel, "/") {
		if part == ".." {
			return "", false
		}
	}
	return rel, true
}
