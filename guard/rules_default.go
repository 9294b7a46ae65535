package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Limits are the memory limits that a guard has found, in bytes. A limit that does
// not exist is [profile.Unknown].
type Limits struct {
	// Kill is the limit above which the process is killed.
	Kill int64
	// KillSource is the source of Kill: 'config', 'cgroup v1', 'cgroup v2' or
	// 'host'; "" if Kill is unknown.
	KillSource string
	// KillPath is the file that Kill was read from; "" if it was not read from a
	// file.
	KillPath string
	// Throttle is the limit above which the kernel throttles the process:
	// memory.high of cgroup v2, of the process's cgroup or one above it.
	Throttle int64
	// ThrottlePath is the file that Throttle was read from; "" without one.
	ThrottlePath string
	// GOMEMLIMIT is the Go runtime's soft limit.
	GOMEMLIMIT int64
	// Host is the memory of the host.
	Host int64

	// inCgroup says that the cgroup has a limit, so that all memory of the cgroup
	// counts and not only that of this process.
	inCgroup bool
	cgroup   int64 // the cgroup's limit, even if Config.Limit is set
}

// soft returns the limit of the memory that the Go runtime manages.
func (l Limits) soft() int64 {
	if l.GOMEMLIMIT > 0 && (l.Kill <= 0 || l.GOMEMLIMIT < l.Kill) {
		return l.GOMEMLIMIT
	}
	return l.Kill
}

// The lines of the default rules.
const (
	memoryShare        = 0.90
	liveHeapShare      = 0.75
	hostMemoryShare    = 0.95
	emergencyTime      = 250 * time.Millisecond
	emergencyFloor     = 0.5
	throttleFloor      = 0.5
	goroutineFactor    = 4
	goroutineGrowth    = 10_000
	heapGrowthFactor   = 4
	heapGrowthBytes    = 512 << 20
	hostMemorySustain  = 10 * time.Second
	tightGOMEMLIMIT    = 0.8
	highestMemoryShare = 0.97
	leastLeft          = 8 << 20 // bytes of headroom at the memory line
	leastMemoryShare   = 0.75
	// idleSustain outlasts a level that doubles once. It looks like a trend in a few
	// checks, while the jump is the only rise in the window.
	idleSustain = 3 * time.Hour
)

// DefaultRules returns the rules of a guard whose [Config.Rules] is nil:
//
//   - memory: unreclaimable memory reaches 90% of the limit, or is 8 MiB below it if
//     that is lower. The rest leaves room for a capture, which may allocate a quarter
//     of it. If GOMEMLIMIT is above 80% of the limit, the line is half-way between the
//     two, because the runtime lets garbage fill the heap up to GOMEMLIMIT.
//   - time-to-limit: memory is above half of the limit and would reach it within 250
//     ms at the present rate.
//   - throttled: unreclaimable memory reaches 90% of memory.high (cgroup v2), above
//     which the kernel throttles the process, or the kernel does throttle it and more
//     than half of memory.high is unreclaimable.
//   - live-heap: live heap after GC reaches 75% of the limit or of GOMEMLIMIT,
//     whichever is smaller.
//   - goroutines: their number is four times the baseline, and at least 10,000 more.
//   - live-heap-leak, goroutine-leak, non-go-leak: the trend of the live heap, of
//     goroutines or of memory outside the Go heap is a leak ([Growing]).
//   - blocked-goroutines: the census found places where ever more goroutines wait.
//   - idle-cpu: the trends of idle CPU time and of wake-ups have been a leak for 3 h.
//     This rule captures a CPU and a goroutine profile.
//
// If the only known limit is the host's memory, there are two more:
//
//   - heap-growth: live heap after GC is four times the baseline, and at least 512 MiB
//     more.
//   - host-memory: 95% of the host's memory has been in use for 10 s, by any process.
func DefaultRules(l Limits) []Rule {
	share := memoryShare
	if l.Kill > 0 {
		share = max(min(share, 1-leastLeft/float64(l.Kill)), leastMemoryShare)
	}
	if l.Kill > 0 && l.GOMEMLIMIT > 0 && l.GOMEMLIMIT <= l.Kill {
		if soft := float64(l.GOMEMLIMIT) / float64(l.Kill); soft > tightGOMEMLIMIT {
			share = min(max(share, (1+soft)/2), highestMemoryShare)
		}
	}
	rules := []Rule{
		{Name: "memory", Signal: Memory, Line: ShareOfLimit(share)},
		{Name: "time-to-limit", Signal: Memory, Line: TimeToLimit(emergencyTime), Floor: ShareOfLimit(emergencyFloor)},
		{Name: "throttled", Signal: Throttled, Line: ShareOfLimit(memoryShare), Floor: ShareOfLimit(throttleFloor)},
		{Name: "live-heap", Signal: LiveHeap, Line: ShareOfLimit(liveHeapShare)},
		{Name: "goroutines", Signal: Goroutines, Line: Growth(goroutineFactor, goroutineGrowth)},
		{Name: "live-heap-leak", Signal: LiveHeap, Line: Growing()},
		{Name: "goroutine-leak", Signal: Goroutines, Line: Growing()},
		{Name: "non-go-leak", Signal: NonGo, Line: Growing()},
		{Name: "blocked-goroutines", Signal: LeakedGoroutines, Line: Absolute(1), Hold: defaultTrendHold},
		{Name: "idle-cpu", Signal: CPUFloor, Line: Growing(), For: idleSustain, Capture: KindsOf(profile.CPU, profile.Goroutine)},
	}
	if l.KillSource == sourceHost || l.KillSource == "" {
		rules = append(rules,
			Rule{Name: "heap-growth", Signal: LiveHeap, Line: Growth(heapGrowthFactor, heapGrowthBytes)},
			Rule{Name: "host-memory", Signal: HostMemory, Line: ShareOfLimit(hostMemoryShare), For: hostMemorySustain},
		)
	}
	return rules
}

// Values of Limits.KillSource.
const (
	sourceConfig = "config"
	sourceHost   = "host"
)
