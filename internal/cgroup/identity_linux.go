package cgroup

import (
	"fmt"
	"os"
	"syscall"
)

// Identity returns an ID that distinguishes this group from earlier and later ones
// with the same path, such as a container's before a restart. It is "" if unknown.
// The ID is the inode number of the group's folder, which the kernel does not reuse
// until it reboots.
func (m *Memory) Identity() string {
	fi, err := os.Stat(m.path(m.dir, "."))
	if err != nil {
		return ""
	}
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", uint64(s.Dev), s.Ino)
}
