package cgroup

import "time"

const (
	// mostKernelAtStart bounds what of the kernel's memory counts as needed before a
	// reclaim has shown it. A Go service in a container has 1 to 5 MiB.
	mostKernelAtStart = 8 << 20
	// What reclaims leave is the lowest of so many: one may have come too soon after
	// another to find anything. The estimate then moves by a sixteenth a second, so that
	// it never looks like memory that grows suddenly.
	kernelReclaims = 8
	kernelStep     = 16
	// nearLimit is the share of the limit from which reclaims are watched.
	nearLimit = 0.9
)

// KernelFloor estimates for v1 how much of the kernel's memory stays when the kernel
// reclaims. v1 reports the kernel's memory as one number, most of which can be dentries
// and inodes: in a group of 64 MiB a process that asked for a million missing names
// raised it to 60 MiB, and at the limit the kernel took back all but 5 MiB.
//
// The zero value is ready for use. It is for one group; another group starts it anew.
type KernelFloor struct {
	group  string
	known  bool
	stays  int64
	asked  time.Time // when the reclaims were counted
	fails  int64
	low    int64                 // the lowest since the limit was met last
	after  [kernelReclaims]int64 // the lowest between one time that it was met and the next; newest last
	filled int
}

// Estimate sets s.KernelReclaimable, unless the kernel reports it. limit is the group's,
// or at most 0.
func (f *KernelFloor) Estimate(m *Memory, s *Stat, limit int64, now time.Time) {
	if m.version != 1 || s.Kernel < 0 {
		return
	}
	if f.group != m.dir {
		*f = KernelFloor{group: m.dir, fails: Unknown}
	}
	fails := int64(Unknown)
	// What reclaims leave is of interest only there.
	if limit > 0 && float64(s.Usage) >= nearLimit*float64(limit) && now.Sub(f.asked) >= time.Second {
		f.asked = now
		fails = m.fails()
	}
	s.KernelReclaimable = f.step(s.Kernel, fails)
}

// step returns how much of the kernel's memory can be reclaimed. fails is how often the
// limit has been met, or Unknown if that was not read; it is read at most once a second.
func (f *KernelFloor) step(kernel, fails int64) int64 {
	if !f.known {
		f.known, f.stays, f.low = true, min(kernel, mostKernelAtStart), kernel
	}
	f.stays, f.low = min(f.stays, kernel), min(f.low, kernel)
	if fails < 0 {
		return kernel - f.stays
	}
	met := f.fails >= 0 && fails > f.fails
	f.fails = fails
	if !met {
		return kernel - f.stays
	}
	copy(f.after[:], f.after[1:])
	f.after[len(f.after)-1] = f.low
	least := f.low
	f.low = kernel
	if f.filled++; f.filled >= kernelReclaims {
		f.filled = kernelReclaims
		for _, n := range f.after {
			least = min(least, n)
		}
		f.stays += max(least-f.stays, 0) / kernelStep
	}
	return kernel - f.stays
}

// fails returns how often the group has met its limit, of memory or of memory and swap,
// or Unknown. Each call opens the files.
func (m *Memory) fails() int64 {
	sum := int64(Unknown)
	for _, name := range [...]string{"memory.failcnt", "memory.memsw.failcnt"} {
		_ = eachLine(m.path(m.dir, name), func(line []byte) {
			if n, err := number(line); err == nil {
				sum = add(max(sum, 0), n)
			}
		})
	}
	return sum
}
