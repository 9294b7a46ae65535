package testenv

import (
	"syscall"
	"testing"
)

// Tmpfs mounts a file system for the test and returns its folder. options are those
// of tmpfs(5), such as 'size=512k'. It needs root.
func Tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,"+options)
	Need(t, err == nil, "needs root to mount a tmpfs")
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
