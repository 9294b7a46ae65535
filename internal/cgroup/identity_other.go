//go:build !linux

package cgroup

// Identity returns "" because this system has no control groups.
func (m *Memory) Identity() string { return "" }
