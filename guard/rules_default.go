package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Limits are the memory limits that a guard found, in bytes, [profile.Unknown]
// where there is none.
type Limits struct {
	// Kill is the limit whose excess ends the process.
	Kill int64
	// KillSource is where it comes from: 'config', 'cgroup v1', 'cgroup v2',
	// 'host' or, where none is known, ''.
	KillSource string
	// KillPath is the file it was read from, if it was.
	KillPath string
	// GOMEMLIMIT is the Go runtime's soft limit.
	GOMEMLIMIT int64
	// Host is the host's memory.
	Host int64

	// inCgroup says that the cgroup has a limit of its own, so that all of
	// the cgroup's memory counts and not only this process's.
	inCgroup bool
	cgroup   int64 // that limit, whatever was configured
}

// soft is the limit of what the Go runtime manages itself.
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
	goroutineFactor    = 4
	goroutineGrowth    = 10_000
	heapGrowthFactor   = 4
	heapGrowthBytes    = 512 << 20
	hostMemorySustain  = 10 * time.Second
	tightGOMEMLIMIT    = 0.8
	highestMemoryShare = 0.97
	leastLeft          = 8 << 20 // bytes of headroom at the memory line
	leastMemoryShare   = 0.75
	// idleSustain: a level that has doubled looks like a trend for a few
	// judgements, while the jump is the window's only rise.
	idleSustain = 3 * time.Hour
)

// DefaultRules returns the rules of a guard whose [Config.Rules] is nil:
//
//   - memory: unreclaimable memory at 90% of the limit, or 8 MiB below it if
//     that is sooner: a capture may allocate a quarter of what is left. Under a GOMEMLIMIT
//     above 80% of the limit the line is half-way between the two, because
//     there the runtime lets garbage fill the heap up to GOMEMLIMIT on purpose.
//   - time-to-limit: the limit would be met within 250 ms at the present rate,
//     and memory is above half of it.
//   - live-heap: live heap after GC at 75% of the smaller of limit and
//     GOMEMLIMIT.
//   - goroutines: four times the baseline, and at least 10,000 more.
//   - live-heap-leak, goroutine-leak, non-go-leak: live heap after GC,
//     goroutines and memory outside the Go heap have a trend over hours that
//     leaks ([Growing]).
//   - blocked-goroutines: the census found places at which ever more
//     goroutines wait.
//   - idle-cpu: the CPU time that is used when all is quiet, and the wake-ups
//     with it, have had a trend over hours that leaks for 3 h. A CPU and a
//     goroutine profile are taken.
//
// Where no limit but the host's memory is known, these are added:
//
//   - heap-growth: live heap after GC four times the baseline, and at least
//     512 MiB more.
//   - host-memory: 95% of the host's memory handed out for 10 s, whoever
//     holds it.
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

// Where a kill limit comes from.
const (
	sourceConfig = "config"
	sourceHost   = "host"
)
