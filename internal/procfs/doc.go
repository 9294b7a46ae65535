// Package procfs reads from /proc the memory and threads of this process, and the
// memory of the host.
//
// # Way of the data
//
//  1. [Open] opens /proc/self/statm and /proc/self/status and keeps them open.
//  2. [Process.Read] reads statm: the resident set and its anonymous part.
//  3. [Process.ReadStatus] reads status: both of these, shared memory, and threads.
//  4. [OpenHost] and [Host.Read] do the same for /proc/meminfo; [HostMemory]
//     combines the two. [BootID] identifies a boot of the host.
//
// All amounts are bytes, and [Unknown] if the kernel does not provide them. The
// formats are those of proc_pid_statm(5), proc_pid_status(5) and proc_meminfo(5).
// If there is no /proc (other systems, a bare chroot), the errors wrap
// [io/fs.ErrNotExist] or [errors.ErrUnsupported].
//
// # Concurrency
//
// A [Process] or [Host] must be used by one goroutine at a time. HostMemory and
// BootID are safe for concurrent use.
//
// # Cost
//
// Measured on Linux 6.18, two cores, resident set of 256 MiB. None of these
// allocates:
//
//	Process.Read        1.0 µs   /proc/self/statm
//	Process.ReadStatus  7.9 µs   /proc/self/status
//	Host.Read           5.5 µs   /proc/meminfo
//	rejected              67 µs   /proc/self/smaps_rollup walks the page tables, longer the more is resident
//	rejected             3.1 µs   /proc/self/stat has the threads, but no shared memory
//
// In a control group, whose memory.stat alone takes 7 µs, use Process.Read for
// every sample and ReadStatus less often. Without a control group, only ReadStatus
// shows how much memory cannot be reclaimed.
package procfs
