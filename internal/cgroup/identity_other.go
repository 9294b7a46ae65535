//go:build !linux

package cgroup

// Identity returns "": there are no control groups here.
func (m *Memory) Identity() string { return "" }
