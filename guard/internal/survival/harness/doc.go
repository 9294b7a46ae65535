//go:build linux

// Package harness measures whether a guard's evidence is on disk before the
// kernel kills the process that leaks.
//
//  1. [Build] compiles the victim, a service with a leak and a guard.
//  2. [Victim.Run] puts it into a memory cgroup of its own ([Group]) and waits,
//     without polling, until the kernel has killed it.
//  3. [Judge] reads what the guard left on disk and compares it with what the
//     victim noted to have leaked at that time.
//  4. [Table] adds the verdicts up.
//
// Running needs Linux, the right to create memory cgroups (v1 or v2), and two
// processors that are otherwise idle.
package harness
