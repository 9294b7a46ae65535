package store

import (
	"os"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/filelock"
)

const (
	// staleBox is the age from which no guard comes any more to ask what the
	// owner of a black box died of.
	staleBox = 7 * 24 * time.Hour
	// mostBoxes is how many boxes of dead processes are kept: 16 MiB.
	mostBoxes = 64
)

// sweepBoxes removes black boxes that no guard has taken up, because the
// service was removed or its later versions keep none. list is sorted.
func sweepBoxes(root *os.Root, list []string, now time.Time) {
	boxes := 0
	for i := len(list) - 1; i >= 0; i-- { // newest first
		name := list[i]
		if !blackbox.IsName(name) {
			continue
		}
		fi, err := root.Lstat(name)
		if err != nil || !fi.Mode().IsRegular() {
			continue
		}
		age := now.Sub(fi.ModTime())
		if id, trace := strings.CutPrefix(name, "crash-"); trace {
			// Its process does not write to it while it lives, so its age says
			// nothing while the box exists.
			if _, err := root.Lstat("blackbox-" + id); err != nil && age > staleTemp {
				root.Remove(name)
			}
			continue
		}
		boxes++
		if age > staleBox || boxes > mostBoxes && age > staleTemp {
			removeBox(root, name, age)
		}
	}
}

// removeBox removes a box that nobody has locked or, without locks, that nobody
// has written to for a week.
func removeBox(root *os.Root, name string, age time.Duration) {
	f, err := confined.OpenRegular(root, name, os.O_RDWR)
	if err != nil {
		return
	}
	defer f.Close()
	if taken, err := filelock.Try(f); err != nil && age < staleBox || err == nil && !taken {
		return
	}
	if root.Remove(name) != nil { // Windows cannot remove an open file
		f.Close()
		root.Remove(name)
	}
}
