//go:build unix

package store

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkOwner refuses a folder that other users can write to.
func checkOwner(dir string, fi fs.FileInfo) error {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("store: %s belongs to user %d, but this process runs as %d: use a folder below it, which will be created, or chown it: %w", dir, st.Uid, os.Geteuid(), ErrUnsafe)
	}
	if mode := fi.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("store: %s is writable by others (mode %04o): run chmod go-w on it, or use a folder below it, which will be created: %w", dir, mode, ErrUnsafe)
	}
	return nil
}
