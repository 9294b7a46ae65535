//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package profile

import (
	"errors"
	"os"
)

// tryLock cannot tell here; who lives is judged by age instead. (Windows has
// LockFileEx, but not for folders, and a mandatory lock would keep users from
// reading.)
func tryLock(*os.File) (taken bool, err error) { return false, errors.ErrUnsupported }
