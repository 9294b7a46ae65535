//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package filelock

import (
	"errors"
	"os"
)

// Try returns [errors.ErrUnsupported]: callers have to go by the file's age.
// Windows has LockFileEx, but not for folders, and its mandatory lock would keep
// users from reading the file.
func Try(*os.File) (taken bool, err error) { return false, errors.ErrUnsupported }
