//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package filelock

import (
	"errors"
	"os"
)

// Try cannot tell here; who lives is judged by age instead. (Windows has
// LockFileEx, but not for folders, and a mandatory lock would keep users from
// reading.)
func Try(*os.File) (taken bool, err error) { return false, errors.ErrUnsupported }
