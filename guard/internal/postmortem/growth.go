package postmortem

import (
	"slices"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// rateWindow is the window of the last rate.
const rateWindow = 50 * time.Millisecond

// lastRate returns the rate of change of memory at the last readings, in bytes per second,
// and the time between them.
func lastRate(list []incident.Reading) (rate float64, every time.Duration) {
	n := len(list)
	if n < 2 {
		return 0, 0
	}
	last := list[n-1]
	first := n - 2
	for first > 0 && last.Time.Sub(list[first].Time) < rateWindow {
		first--
	}
	took := last.Time.Sub(list[first].Time)
	if took <= 0 {
		return 0, 0
	}
	every = took / time.Duration(n-1-first)
	if last.Unreclaimable.Known() && list[first].Unreclaimable.Known() {
		rate = float64(last.Unreclaimable-list[first].Unreclaimable) / took.Seconds()
	}
	return rate, every
}

// DoubledBuys returns how much longer the process would have lived with twice the memory, at
// the rate of the second half of the growth. It returns 0 if nothing grew. It does not use
// the mean over the whole life, which would promise hours to a process that was calm for
// hours and then leaked within a second.
func DoubledBuys(points []incident.HistoryPoint, limit profile.Bytes) time.Duration {
	points = slices.DeleteFunc(slices.Clone(points), func(p incident.HistoryPoint) bool { return !p.Memory.Known() })
	n := len(points)
	if n < 2 || limit <= 0 {
		return 0
	}
	lowest := 0
	for i, p := range points {
		if p.Memory <= points[lowest].Memory {
			lowest = i
		}
	}
	last := points[n-1]
	half := points[lowest].Memory + (last.Memory-points[lowest].Memory)/2
	for i := n - 1; i >= lowest; i-- {
		if points[i].Memory <= half {
			took, grown := last.Time.Sub(points[i].Time), last.Memory-points[i].Memory
			if took <= 0 || grown <= 0 {
				return 0
			}
			const most = 1000 * time.Hour
			buys := float64(limit) / (float64(grown) / took.Seconds())
			return time.Duration(min(buys, most.Seconds()) * float64(time.Second))
		}
	}
	return 0
}
