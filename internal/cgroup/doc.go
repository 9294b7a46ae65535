// Package cgroup reads how much memory this process's control group uses, and how
// much it may use before the kernel kills a process in it.
//
// # Way of the data
//
//  1. [Open] finds the group: /proc/self/cgroup names it in each hierarchy, and
//     /proc/self/mountinfo says where the hierarchies are mounted. A v1
//     hierarchy with the memory controller is preferred: on a hybrid host
//     the v2 hierarchy exists but cannot have that controller.
//
//  2. [Memory.Read] reads usage and memory.stat, and on v1 the kernel's memory,
//     through descriptors that stay open. [Memory.ReadUsage] reads usage alone.
//
//  3. [Memory.Limit] walks from the group up to the mount point and takes the
//     smallest limit. Call it about once a minute: limits can be resized in place,
//     so it opens the files each time.
//
//  4. [Memory.Reopen] finds the group again. Call it after an error of Read, and
//     also once a minute: if the process was moved to another group, the old one's
//     files can still be read without an error.
//
//  5. On v1, [KernelFloor] estimates which part of the kernel's memory can be reclaimed.
//
//  6. [Memory.High] and [Memory.Throttle] say whether the kernel throttles the group, at
//     memory.high of v2.
//
// All amounts are bytes, and [Unknown] if the kernel does not provide them. The
// file formats are documented in the kernel's Documentation/admin-guide
// (cgroup-v1/memory.rst and cgroup-v2.rst) and in proc(5).
//
// # Concurrency
//
// A [Memory] must be used by one goroutine at a time. A [Stat] or [Limit] is a
// value.
//
// # Cost
//
// Measured on Linux 6.18, cgroup v1, two cores: ReadUsage takes 0.6 µs and Read 9.1
// µs, of which the kernel spends 7 µs on memory.stat. Neither allocates. Together
// with the Process.Read of package procfs a reading takes 10.7 µs. On v2 the kernel
// also sums its per-processor counters when memory.stat is read, which takes longer
// with more processors and groups. Poll fast with ReadUsage, therefore. Limit takes
// 13 µs a level, Open and Reopen 75 µs.
package cgroup
