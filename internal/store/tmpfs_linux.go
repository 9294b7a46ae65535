package store

import "syscall"

// inMemory reports whether the files of a folder are memory that counts against
// the limit. It compares the magic numbers of tmpfs and ramfs, statfs(2).
func inMemory(dir string) bool {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return false
	}
	switch uint32(st.Type) { // the field's size differs between architectures
	case 0x01021994, 0x858458f6:
		return true
	}
	return false
}
