package store

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/layout"
)

const (
	// staleTemp is the age from which nobody uses a temporary file any more: no
	// capture takes an hour.
	staleTemp = time.Hour
	// staleLadder is the age from which baselines belong to a dead process, if
	// the file system has no locks.
	staleLadder = 48 * time.Hour
)

// sweep removes what dead processes left unfinished: temporary files, incidents
// whose removal was interrupted, baselines, and black boxes that nobody asks
// for. It never fails; what cannot be removed now is left for the next time.
func sweep(root *os.Root, now time.Time) {
	list, err := confined.Names(root)
	if err != nil {
		return
	}
	sweepBoxes(root, list, now)
	// List temporary files before asking who lives: then the owner of each file
	// already held its lock when it is asked.
	found := tempsIn(root, "", list)
	for _, id := range list {
		if _, _, ok := layout.ParseID(id); !ok {
			continue
		}
		if dir, err := confined.OpenDir(root, id); err == nil {
			inside, _ := confined.Names(dir)
			found = append(found, tempsIn(dir, id+"/", inside)...)
			dir.Close()
		}
	}
	living, err := sweepLadders(root, now)
	for _, t := range found {
		// If we are out of file descriptors, treat nobody as dead.
		dead := err == nil && !living[t.owner]
		if dead || now.Sub(t.modified) > staleTemp {
			if t.folder {
				removeContents(root, t.path)
			}
			root.Remove(t.path)
		}
	}
}

type tempFile struct {
	path     string
	owner    string
	modified time.Time
	folder   bool // an incident that is being removed
}

func tempsIn(dir *os.Root, prefix string, list []string) (found []tempFile) {
	for _, name := range list {
		owner, ok := layout.ParseTemp(name)
		if !ok {
			continue
		}
		fi, err := dir.Lstat(name)
		if err != nil || !fi.Mode().IsRegular() && !(fi.IsDir() && prefix == "") {
			continue
		}
		found = append(found, tempFile{path: prefix + name, owner: owner, modified: fi.ModTime(), folder: fi.IsDir()})
	}
	return found
}

// sweepLadders removes the baselines of dead processes and returns the owners
// that are alive. With an error the list is incomplete.
func sweepLadders(root *os.Root, now time.Time) (living map[string]bool, err error) {
	living = make(map[string]bool)
	base, err := confined.OpenDir(root, layout.BaselineDir)
	if errors.Is(err, fs.ErrNotExist) {
		return living, nil
	}
	if err != nil {
		return nil, err
	}
	defer base.Close()
	list, err := confined.Names(base)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		owner, ok := layout.ParseLadder(name)
		if ok && sweepLadder(base, name, now) {
			living[owner] = true
		}
	}
	return living, nil
}

// sweepLadder removes a ladder if its process is dead and reports whether it is
// alive. It removes the lock last, so a ladder without a lock is empty.
func sweepLadder(base *os.Root, name string, now time.Time) (lives bool) {
	dir, err := confined.OpenDir(base, name)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer dir.Close()
	lock, err := confined.OpenRegular(dir, layout.LockName, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return sweepUnlocked(base, dir, name)
	}
	if err != nil {
		return true
	}
	defer lock.Close()
	switch taken, err := filelock.Try(lock); {
	case err == nil && !taken:
		return true
	case err != nil && now.Sub(newest(dir)) < staleLadder:
		return true
	case err != nil:
		lock.Close() // Windows cannot remove an open file
	}
	// List the files only now: they could change until the lock was taken.
	if list, err := confined.Names(dir); err == nil {
		removeBaselines(dir, list)
	}
	dir.Remove(layout.LockName)
	dir.Close()
	base.Remove(name)
	return false
}

// sweepUnlocked removes a ladder without a lock and reports whether its process
// is alive. The ladder is either being created right now or half removed. If it
// is empty and being created, its creator notices the removal and starts again.
func sweepUnlocked(base, dir *os.Root, name string) (lives bool) {
	list, err := confined.Names(dir)
	if err != nil {
		return true
	}
	// A process creates its lock before any other file and never removes it, so
	// files without a lock belong to a dead process.
	if _, err := dir.Lstat(layout.LockName); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	removeBaselines(dir, list)
	dir.Close()
	base.Remove(name)
	return false
}

func removeBaselines(dir *os.Root, list []string) {
	for _, file := range list {
		if _, temp := layout.ParseTemp(file); temp || isBaseline(file) {
			removeRegular(dir, file)
		}
	}
}

// newest returns the latest modification time of the files, or the present if
// they cannot be listed.
func newest(dir *os.Root) (t time.Time) {
	list, err := confined.Names(dir)
	if err != nil {
		return time.Now()
	}
	for _, name := range list {
		if fi, err := dir.Lstat(name); err == nil && fi.ModTime().After(t) {
			t = fi.ModTime()
		}
	}
	return t
}

func removeRegular(dir *os.Root, name string) error {
	fi, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return confined.ErrNotRegular
	}
	return dir.Remove(name)
}
