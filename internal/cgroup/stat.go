package cgroup

import (
	"bytes"
	"math"
)

// Unknown is the value of an amount that the kernel does not provide.
const Unknown = -1

// Stat is the memory use of a control group and its descendants. Each field is in
// bytes, or [Unknown]. Each names its rows of memory.stat in v2 and in v1.
type Stat struct {
	Usage int64 // everything charged: memory.current, memory.usage_in_bytes

	Anon        int64 // memory not backed by a file: anon, total_rss
	File        int64 // page cache, Shmem included: file, total_cache
	Shmem       int64 // tmpfs and shared memory, reclaimable only with swap: shmem, total_shmem
	Unevictable int64 // mlock and similar: unevictable, total_unevictable

	// Kernel is the kernel's own memory for the group: slab, page tables, kernel
	// stacks, per-processor data. In v2 it is the row kernel or, before Linux 5.18,
	// the sum of kernel_stack, pagetables, sec_pagetables, percpu and slab. In v1
	// memory.stat does not have it; there it is memory.kmem.usage_in_bytes, which is
	// part of the usage.
	Kernel int64
	Slab   int64 // the part of Kernel for objects such as dentries and inodes: slab; Unknown in v1
	// KernelReclaimable is the part of Kernel that the kernel takes back before it kills:
	// dentries and inodes, above all. In v2 it is slab_reclaimable. v1 does not say;
	// Read leaves it Unknown there, and [KernelFloor] estimates it.
	KernelReclaimable int64
	// Sock is the memory of socket buffers, which is not part of Kernel: sock. In v1
	// it is not charged to the usage and therefore Unknown.
	Sock int64

	// InactiveFile and ActiveFile are the page cache that the kernel reclaims
	// first at a limit. Each is the row of the same name, in v1 with the prefix
	// total_. Neither includes Shmem or Unevictable.
	InactiveFile int64
	ActiveFile   int64

	// Dirty and Writeback are the part of the page cache that must be written to its
	// file before it can be reclaimed: file_dirty and file_writeback, total_dirty and
	// total_writeback.
	Dirty     int64
	Writeback int64
}

var unknownStat = Stat{
	Usage: Unknown, Anon: Unknown, File: Unknown, Shmem: Unknown, Unevictable: Unknown, Kernel: Unknown,
	Slab: Unknown, KernelReclaimable: Unknown, Sock: Unknown,
	InactiveFile: Unknown, ActiveFile: Unknown, Dirty: Unknown, Writeback: Unknown,
}

// WorkingSet returns the usage less the inactive page cache, at least 0. The
// kubelet evicts by this figure and kubectl top shows it (cadvisor,
// container/libcontainer/handler.go). It still includes the active page cache.
func (s *Stat) WorkingSet() int64 {
	if s.Usage < 0 || s.InactiveFile < 0 {
		return Unknown
	}
	return max(0, s.Usage-s.InactiveFile)
}

// Unreclaimable returns what the kernel cannot reclaim before it kills: usage −
// (inactive_file + active_file) − KernelReclaimable, if that is known. The rows can contradict each other because the
// kernel counts each by itself and in batches, so the result is kept between 0 and
// Usage. It is [Unknown] if the file rows are.
//
// Dirty and Writeback are part of those rows and so not of the result, although
// they must be written first: the kernel makes allocations wait for that. Measured
// on Linux 6.18, v1, limit 256 MiB: with 240 MiB of dirty pages a process could
// touch 100 to 245 MiB of anonymous memory within 0.25 s, without a kill in eight
// runs.
func (s *Stat) Unreclaimable() int64 {
	if s.Usage < 0 || s.InactiveFile < 0 || s.ActiveFile < 0 {
		return Unknown
	}
	return s.Usage - min(s.Usage, add(add(s.InactiveFile, s.ActiveFile), max(s.KernelReclaimable, 0)))
}

// add adds two numbers of at least 0 and saturates at the largest int64.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// parse fills in s from memory.stat and returns how many rows it used.
//
// A last row without a newline is ignored. The kernel ends each row with one, so
// that row was truncated, and a truncated number is wrong.
func (s *Stat) parse(text []byte, version int) int {
	taken := 0
	kernel := int64(Unknown) // the sum of its rows
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			if s.Kernel == Unknown {
				s.Kernel = kernel
			}
			return taken
		}
		key, value, ok := row(text[:end])
		text = text[end+1:]
		if !ok {
			continue
		}
		var field *int64
		if version == 1 {
			field = s.fieldV1(key)
		} else {
			field = s.fieldV2(key)
		}
		partOfKernel := version == 2 && isPartOfKernel(key)
		if field == nil && !partOfKernel {
			continue
		}
		n, err := number(value)
		if err != nil {
			continue
		}
		taken++
		if partOfKernel {
			kernel = add(max(kernel, 0), n)
		}
		if field != nil {
			*field = n
		}
	}
}

// fieldV1 recognises only the total_ rows. Those without the prefix exclude
// descendants, which do count towards the usage and the limit.
func (s *Stat) fieldV1(key []byte) *int64 {
	switch string(key) {
	case "total_cache":
		return &s.File
	case "total_rss":
		return &s.Anon
	case "total_shmem":
		return &s.Shmem
	case "total_dirty":
		return &s.Dirty
	case "total_writeback":
		return &s.Writeback
	case "total_inactive_file":
		return &s.InactiveFile
	case "total_active_file":
		return &s.ActiveFile
	case "total_unevictable":
		return &s.Unevictable
	}
	return nil
}

func (s *Stat) fieldV2(key []byte) *int64 {
	switch string(key) {
	case "anon":
		return &s.Anon
	case "file":
		return &s.File
	case "kernel":
		return &s.Kernel
	case "shmem":
		return &s.Shmem
	case "file_dirty":
		return &s.Dirty
	case "file_writeback":
		return &s.Writeback
	case "inactive_file":
		return &s.InactiveFile
	case "active_file":
		return &s.ActiveFile
	case "unevictable":
		return &s.Unevictable
	case "slab":
		return &s.Slab
	case "slab_reclaimable":
		return &s.KernelReclaimable
	case "sock":
		return &s.Sock
	}
	return nil
}

// isPartOfKernel reports whether key is one of the rows that sum up to the row
// kernel.
func isPartOfKernel(key []byte) bool {
	switch string(key) {
	case "kernel_stack", "pagetables", "sec_pagetables", "percpu", "slab":
		return true
	}
	return false
}
