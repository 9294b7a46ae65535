//go:build !linux

package store

// inMemory reports false: only Linux counts tmpfs against a memory limit.
func inMemory(string) bool { return false }
