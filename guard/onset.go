package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// onset returns when the growth that opened an incident began, or the zero time if that
// is not known. A trend knows its onset; for other signals it comes from the history.
func (l *loop) onset(i *liveIncident) time.Time {
	if i.Signal == LeakedGoroutines && l.leaked > 0 {
		return l.started.Add(l.census.leakedSince)
	}
	signal := i.Signal
	if signal.isFloor() {
		// Readings have no floors, so use goroutines instead.
		signal = Goroutines
	}
	onset := growthOnset(l.history, signal)
	if at, ok := l.trends.onset(i.Signal); ok {
		if began := l.started.Add(at); onset.IsZero() || began.Before(onset) {
			return began
		}
	}
	return onset
}

// growthOnset returns when a signal began to rise to its present value: the last time
// at which it had completed at most a tenth of the rise from its lowest known value. A
// baseline from before that time does not contain the growth. If the history does not
// show a rise, it returns the zero time.
func growthOnset(h *history, s Signal) (onset time.Time) {
	lowest, last := int64(profile.Unknown), int64(profile.Unknown)
	h.each(func(r *incident.Reading) {
		v := signalValues(r, profile.Unknown)[s]
		if v < 0 {
			return
		}
		if lowest < 0 || v < lowest {
			lowest = v
		}
		last = v
	})
	if lowest < 0 || last <= lowest {
		return time.Time{}
	}
	line := lowest + (last-lowest)/10
	h.each(func(r *incident.Reading) {
		if v := signalValues(r, profile.Unknown)[s]; v >= 0 && v <= line {
			onset = r.Time
		}
	})
	return onset
}
