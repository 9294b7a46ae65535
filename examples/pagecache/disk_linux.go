package main

import (
	"fmt"
	"os"
	"syscall"
)

// diskFolder returns a folder on a disk: on a tmpfs the file would be memory that
// nobody takes back, and the kernel would kill.
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
	return "", fmt.Errorf("%q is not on a disk: name a folder with -dir that is", folders)
}
