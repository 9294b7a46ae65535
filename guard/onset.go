package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

// growthOnset is when a signal began to rise towards what it is now: the last
// time it was within a tenth of the rise above its lowest known value. A
// baseline older than that does not hold what grew. Where the history does not
// tell it is now.
func growthOnset(h *history, s Signal, now time.Time) time.Time {
	readings := h.since(time.Time{})
	value := func(r *profile.Reading) int64 { return signalValues(r, profile.Unknown)[s] }
	lowest, last := int64(profile.Unknown), int64(profile.Unknown)
	for i := range readings {
		v := value(&readings[i])
		if v < 0 {
			continue
		}
		if lowest < 0 || v < lowest {
			lowest = v
		}
		last = v
	}
	if lowest < 0 || last <= lowest {
		return now
	}
	line := lowest + (last-lowest)/10
	onset := now
	for i := range readings {
		if v := value(&readings[i]); v >= 0 && v <= line {
			onset = readings[i].Time
		}
	}
	return onset
}
