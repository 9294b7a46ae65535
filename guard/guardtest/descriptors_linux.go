package guardtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// startPoller makes the runtime open the descriptors of its network poller, so that
// they do not count as leaks. It otherwise opens them with the first file or socket
// that can wait.
var startPoller = sync.OnceFunc(func() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
})

// openDescriptors returns what each open descriptor is open on.
func openDescriptors() (map[int]opening, error) {
	startPoller()
	const folder = "/proc/self/fd"
	dir, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("list the open descriptors (is /proc mounted?): %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list the open descriptors: %w", err)
	}
	open := make(map[int]opening, len(names))
	for _, name := range names {
		number, err := strconv.Atoi(name)
		if err != nil || number == int(dir.Fd()) {
			continue
		}
		target, err := os.Readlink(folder + "/" + name)
		if err != nil {
			continue // it was closed meanwhile
		}
		o := opening{target: target}
		var stat syscall.Stat_t
		// All objects of the kernel's own share one inode.
		if strings.HasPrefix(target, "/") && syscall.Fstat(number, &stat) == nil {
			o.dev, o.ino = uint64(stat.Dev), stat.Ino
		}
		open[number] = o
	}
	return open, nil
}
