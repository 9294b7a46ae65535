//go:build unix

package guard

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedAlone reports whether a folder belongs to this user and is closed to others.
func ownedAlone(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && fi.Mode().Perm()&0o077 == 0
}
