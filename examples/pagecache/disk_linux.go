package main

import (
	"fmt"
	"os"
	"syscall"
)

// diskFolder returns a folder on a disk. On a tmpfs the file would be memory that
// cannot be reclaimed, and the kernel would kill.
func diskFolder(asked string) (string, error) {
	folders := []string{asked}
	if asked == "" {
		folders = []string{os.TempDir(), "."}
	}
	for _, dir := range folders {
		const tmpfs = 0x01021994
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err == nil && s.Type != tmpfs {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%q is not on a disk: choose another folder with -dir", folders)
}
