package cgroup

import (
	"fmt"
	"os"
	"syscall"
)

// Identity returns what tells this group from an earlier or later one of the same
// path, such as that of a container before it was restarted; "" where nobody knows.
// It is the number of the group's folder, which the kernel does not give again
// while it runs.
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
