package guard

import "time"

const (
	defaultInterval = time.Second
	// shortestInterval is how often a memory is looked at that grows towards
	// a line.
	shortestInterval = 10 * time.Millisecond
	// settleLook is how soon the guard looks again after a sudden rise: one
	// reading shows no rate.
	settleLook = 5 * time.Millisecond
	// looksBeforeLimit is how many readings the guard wants before the limit
	// would be met at the present rate.
	looksBeforeLimit = 20

	// fastestTouch is how fast one core can take fresh memory from the
	// kernel, in bytes per second of CPU time: 1.2 to 2.9 GB/s measured.
	fastestTouch = 2 << 30
	// partOfHeadroom is the part of the headroom that the process may fill
	// between two readings.
	partOfHeadroom = 8
	// A quantum is the CPU time after which the guard looks again. Kernels
	// look at CPU timers in their clock tick, 1 to 10 ms; an idle process may
	// be woken at the first. A busy one is woken at most every 10 ms of CPU
	// time: at about 20 µs a wake that is 0.2%.
	shortestQuantum     = 2 * time.Millisecond
	shortestBusyQuantum = 10 * time.Millisecond
	longestQuantum      = 200 * time.Millisecond
	// busyShare is the part of one core above which a process is busy.
	busyShare = 0.1
)

// pace says when to look next: after wall time or after CPU time of the
// process, whichever comes first.
type pace struct {
	wall time.Duration
	cpu  time.Duration
}

// nextPace decides how soon to look again.
//
// interval is the one of calm times. cores is the CPU time used per wall time
// since the last reading, negative when it is not known. Without a clock of CPU
// time the wall time has to follow the process's activity instead.
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
