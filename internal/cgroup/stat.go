package cgroup

import (
	"bytes"
	"math"
)

// Unknown is the value of an amount that this kernel does not tell.
const Unknown = -1

// Stat is what a control group uses with all groups below it, in bytes, or
// [Unknown]. The rows named are those of memory.stat in v2 and in v1.
type Stat struct {
	Usage int64 // all that is charged: memory.current, memory.usage_in_bytes

	Anon        int64 // memory of programs without a file behind it: anon, total_rss
	File        int64 // page cache, Shmem included: file, total_cache
	Shmem       int64 // tmpfs, shared memory; needs swap to be reclaimed: shmem, total_shmem
	Unevictable int64 // mlock and the like: unevictable, total_unevictable

	// What the kernel itself uses for the group: slab, page tables, kernel
	// stacks, per-processor data. Row kernel, or before Linux 5.18 the sum of
	// kernel_stack, pagetables, sec_pagetables, percpu and slab. memory.stat of
	// v1 has nothing of it: there it is memory.kmem.usage_in_bytes, which is
	// part of the usage.
	Kernel int64
	Slab   int64 // the part of Kernel that is objects such as dentries and inodes: slab; not told by v1
	// Buffers of sockets, not part of Kernel: sock. In v1 they are not charged
	// to the usage and therefore not told.
	Sock int64

	// The page cache that the kernel takes back first when a limit is
	// reached: a row each of the same name, with total_ before it in v1.
	// Neither Shmem nor Unevictable is part of these two.
	InactiveFile int64
	ActiveFile   int64

	// The part of these two that must be written to its file before it can be
	// taken back: file_dirty and file_writeback, total_dirty and
	// total_writeback.
	Dirty     int64
	Writeback int64
}

var unknownStat = Stat{
	Usage: Unknown, Anon: Unknown, File: Unknown, Shmem: Unknown, Unevictable: Unknown, Kernel: Unknown,
	Slab: Unknown, Sock: Unknown,
	InactiveFile: Unknown, ActiveFile: Unknown, Dirty: Unknown, Writeback: Unknown,
}

// WorkingSet returns the usage less the inactive part of the page cache, at
// least 0: what the kubelet evicts by and what kubectl top shows (cadvisor,
// container/libcontainer/handler.go). Active page cache is still in it.
func (s *Stat) WorkingSet() int64 {
	if s.Usage < 0 || s.InactiveFile < 0 {
		return Unknown
	}
	return max(0, s.Usage-s.InactiveFile)
}

// Unreclaimable returns what the kernel cannot take back before it kills: usage −
// (inactive_file + active_file). It is from 0 to Usage, however the rows
// contradict each other: the kernel counts each of them by itself and in
// batches. Without the file rows the result is [Unknown].
//
// Dirty and Writeback are in the two lists and so not in the result, though they
// have to be written first: the kernel makes who allocates wait for that. Measured
// on Linux 6.18, v1, 256 MiB: with 240 MiB of dirty pages a process could
// touch 100 to 245 MiB of anonymous memory, within 0.25 s and, in eight runs, without
// a kill.
func (s *Stat) Unreclaimable() int64 {
	if s.Usage < 0 || s.InactiveFile < 0 || s.ActiveFile < 0 {
		return Unknown
	}
	return s.Usage - min(s.Usage, add(s.InactiveFile, s.ActiveFile))
}

// add adds two numbers of at least 0 and stops at the largest int64.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// parse fills in s from memory.stat and returns how many rows it took.
//
// A last row without a newline is left out: the kernel ends each row with one,
// so this one was cut, and a number cut short is a wrong number.
func (s *Stat) parse(text []byte, version int) int {
	taken := 0
	kernel := int64(Unknown) // as the sum of its rows
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

// fieldV1 knows only the total_ rows: those without the prefix leave out the
// groups below, which count towards the usage and the limit all the same.
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
	case "sock":
		return &s.Sock
	}
	return nil
}

// isPartOfKernel names the rows whose sum is row kernel, where there is none.
func isPartOfKernel(key []byte) bool {
	switch string(key) {
	case "kernel_stack", "pagetables", "sec_pagetables", "percpu", "slab":
		return true
	}
	return false
}
