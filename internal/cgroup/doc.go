// Package cgroup reads how much memory the control group of this process
// uses, and how much it may use before the kernel kills in it.
//
// # Way of the data
//
//  1. [Open] finds the group: /proc/self/cgroup names it in each hierarchy,
//     /proc/self/mountinfo says where the hierarchies are mounted. A v1
//     hierarchy with the memory controller is preferred, as on a hybrid host
//     the v2 hierarchy is there but cannot have that controller.
//  2. [Memory.Read] reads usage and memory.stat, on v1 the kernel's memory too,
//     through descriptors that stay open; [Memory.ReadUsage] reads usage alone.
//  3. [Memory.Limit] walks from the group up to the mount point and takes the
//     smallest limit. It opens the files afresh, once a minute or so: limits
//     are resized in place.
//  4. [Memory.Reopen] finds the group again, after an error of Read and once a
//     minute besides: a process that was moved to another group reads the old
//     one's files without any error.
//
// All amounts are bytes, and [Unknown] where the kernel does not tell.
// The file formats are those of the kernel's Documentation/admin-guide:
// cgroup-v1/memory.rst and cgroup-v2.rst, and of proc(5).
//
// # Concurrency
//
// One goroutine owns a [Memory]; its methods must not run at the same time.
// Values of [Stat] and [Limit] are the caller's own.
//
// # Cost
//
// Measured on Linux 6.18, cgroup v1, two cores: ReadUsage 0.6 µs, Read 9.1 µs, of
// which the kernel spends 7 µs on memory.stat; neither allocates. With the
// Process.Read of package procfs a reading takes 10.7 µs. On v2 the kernel also
// sums its per-processor counters up when memory.stat is read, which takes longer
// the more processors and groups there are: so a fast poll is one of
// ReadUsage. Limit takes 13 µs a level, Open and Reopen 75 µs.
package cgroup
