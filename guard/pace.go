package guard

import "time"

const (
	defaultInterval = time.Second
	// shortestInterval is the interval between readings of memory that grows towards
	// a line.
	shortestInterval = 10 * time.Millisecond
	// settleLook is the time to the next reading after a sudden rise, because one
	// reading does not show a rate.
	settleLook = 5 * time.Millisecond
	// looksBeforeLimit is how many readings there should be before the limit is
	// reached at the present rate.
	looksBeforeLimit = 20

	// fastestTouch is how fast one core can obtain fresh memory from the kernel, in
	// bytes per second of CPU time. 1.2 to 2.9 GB/s were measured.
	fastestTouch = 2 << 30
	// partOfHeadroom: between two readings the process may fill the headroom divided
	// by this.
	partOfHeadroom = 8
	// A quantum is the CPU time until the next reading. Kernels check CPU timers in
	// their clock tick, every 1 to 10 ms, so an idle process may be woken at the
	// first tick. A busy process is woken at most every 10 ms of CPU time. At about
	// 20 µs per wake-up that costs 0.2%.
	shortestQuantum     = 2 * time.Millisecond
	shortestBusyQuantum = 10 * time.Millisecond
	longestQuantum      = 200 * time.Millisecond
	// busyShare is the share of one core above which a process counts as busy.
	busyShare = 0.1
)

// pace is the time to the next reading, in wall time and in CPU time of the process,
// whichever comes first.
type pace struct {
	wall time.Duration
	cpu  time.Duration
}

// nextPace decides when to take the next reading.
//
// interval is the interval in calm times. cores is the CPU time used per wall time
// since the last reading, negative if unknown. Without a CPU clock, the wall time
// depends on the process's activity instead.
func nextPace(v *view, interval time.Duration, cores float64, haveClock bool) pace {
	wall := interval
	if left, sudden, growing := v.soonest(); growing {
		wall = min(wall, max(left/looksBeforeLimit, shortestInterval))
		if sudden && left < time.Second {
			wall = min(wall, settleLook)
		}
	}
	quantum := longestQuantum
	if v.headroom >= 0 {
		fill := time.Duration(float64(v.headroom) / partOfHeadroom / fastestTouch * float64(time.Second))
		quantum = min(quantum, fill)
	}
	shortest := shortestQuantum
	if cores > busyShare {
		shortest = shortestBusyQuantum
	}
	quantum = max(quantum, shortest)
	if !haveClock && cores > busyShare {
		wall = min(wall, max(time.Duration(float64(quantum)/cores), shortestInterval))
	}
	return pace{wall: wall, cpu: quantum}
}
