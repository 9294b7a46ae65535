//go:build linux

// Package harness measures whether a guard's evidence is on disk before the kernel
// kills the leaking process.
//
//  1. [Build] compiles the victim, a service with a leak and a guard.
//  2. [Victim.Run] puts it into a memory cgroup of its own ([Group]) and waits,
//     without polling, until the kernel has killed it.
//  3. [Judge] reads what the guard left on disk and compares it with how much the
//     victim had leaked by then, according to its log.
//  4. [Table] summarises the verdicts.
//
// It needs Linux, the right to create memory cgroups (v1 or v2), and two otherwise
// idle processors.
package harness
