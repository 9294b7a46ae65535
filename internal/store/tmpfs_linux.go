package store

import "syscall"

// inMemory reports whether a folder's files are memory that the limit counts:
// the magic numbers of tmpfs and ramfs, statfs(2).
func inMemory(dir string) bool {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return false
	}
	switch uint32(st.Type) { // its size differs between architectures
	case 0x01021994, 0x858458f6:
		return true
	}
	return false
}
