package guard

import (
	"fmt"

	"github.com/leakguard/leakguard/profile"
)

// Signal is the quantity that a [Rule] watches. The zero value is not valid.
type Signal int

// The signals. The limit of a signal is the reference for [ShareOfLimit].
const (
	// Memory is the memory that the kernel cannot reclaim, in bytes
	// ([incident.Reading.Unreclaimable]). Its limit is the one above which the process
	// is killed: [Config.Limit], else the cgroup's limit, else the host's memory.
	Memory Signal = iota + 1
	// LiveHeap is the heap that the last garbage collection found reachable, in bytes.
	// Its limit is the smaller of Memory's limit and GOMEMLIMIT.
	LiveHeap
	// Goroutines is the number of goroutines. It has no limit.
	Goroutines
	// ResidentSet is the process's RSS in bytes, including file pages. Its limit is
	// Memory's.
	ResidentSet
	// WorkingSet is the cgroup's working set as the kubelet measures it, in bytes. It
	// includes active file cache, so it can be near the limit in a healthy process. No
	// default rule uses it. Its limit is Memory's.
	WorkingSet
	// Stacks is the memory of goroutine stacks, in bytes. Its limit is LiveHeap's.
	Stacks
	// Threads is the number of operating system threads. It has no limit.
	Threads
	// HostMemory is the host's memory in use by all processes, in bytes (MemTotal −
	// MemAvailable). Its limit is the host's memory.
	HostMemory
	// NonGo is memory of the process that Go does not manage, such as cgo's or mmap's,
	// in bytes. It is the anonymous part of the resident set less the memory that Go has
	// committed. Go may have committed memory that it never touched, so this is a lower
	// bound. Its limit is Memory's. It is available on Linux only.
	NonGo
	// LeakedGoroutines is the number of goroutines at sites that the census judges to be
	// leaks ([Snapshot.GoroutineSites]). It has no limit.
	LeakedGoroutines
	// CPUFloor is the CPU usage of the process at its quietest, in thousandths of a
	// core: a tenth of the minutes of the last hour ([Config.FloorWindow]) used less. It
	// comes from getrusage(2), so it includes system time and C code. It is unknown
	// until the window is full. It has no limit.
	CPUFloor
	// WakeupFloor is the rate at which the scheduler wakes goroutines, per second, at
	// its quietest, measured like CPUFloor. It has no limit.
	WakeupFloor
	// Throttled is the unreclaimable memory, in bytes, of the cgroup whose memory.high
	// applies to this process. Its limit is memory.high, above which the kernel throttles
	// the process. While the kernel does so, the signal is above its line whatever the
	// line is. It is available with cgroup v2 and a memory.high only.
	Throttled

	signals // one more than the last
)

var signalNames = [signals]string{"not set", "memory", "live heap", "goroutines", "resident set", "working set", "stacks", "threads",
	"host memory", "non-Go memory", "leaked goroutines", "CPU floor", "wake-up floor", "throttled memory"}

// String returns the signal's name, such as 'live heap'.
func (s Signal) String() string {
	if s < 0 || s >= signals {
		return fmt.Sprintf("Signal(%d)", int(s))
	}
	return signalNames[s]
}

// counts reports whether the signal is a number of things, not bytes.
func (s Signal) counts() bool { return s == Goroutines || s == Threads || s == LeakedGoroutines }

// isFloor reports whether the signal is measured at the process's quietest.
func (s Signal) isFloor() bool { return s == CPUFloor || s == WakeupFloor }

// format formats a value of the signal.
func (s Signal) format(v int64) string {
	switch {
	case s == CPUFloor:
		return profile.MilliCPU(v).String()
	case s == WakeupFloor:
		return profile.Count(v).String() + "/s"
	case s.counts():
		return profile.Count(v).String()
	}
	return profile.Bytes(v).String()
}

// Unit returns the unit of the signal's values: [profile.UnitBytes], [profile.UnitCount],
// [profile.UnitMilliCPU] or [profile.UnitPerSecond].
func (s Signal) Unit() profile.Unit {
	switch {
	case s == CPUFloor:
		return profile.UnitMilliCPU
	case s == WakeupFloor:
		return profile.UnitPerSecond
	case s.counts():
		return profile.UnitCount
	}
	return profile.UnitBytes
}
