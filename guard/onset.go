package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// onset returns when the growth that opened an incident began. A trend knows its
// onset; for other signals it comes from the history.
func (l *loop) onset(i *liveIncident) time.Time {
	if i.Signal == LeakedGoroutines && l.leaked > 0 {
		return l.started.Add(l.census.leakedSince)
	}
	signal := i.Signal
	if signal.isFloor() {
		// Readings have no floors, so use goroutines instead.
		signal = Goroutines
	}
	onset := growthOnset(l.history, signal, i.Opened)
	if at, ok := l.trends.onset(i.Signal); ok {
		if began := l.started.Add(at); began.Before(onset) {
			return began
		}
	}
	return onset
}

// growthOnset returns when a signal began to rise to its present value: the last time
// at which it had completed at most a tenth of the rise from its lowest known value. A
// baseline from before that time does not contain the growth. If the history does not
// show a rise, it returns now.
func growthOnset(h *history, s Signal, now time.Time) time.Time {
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
		return now
	}
	line, onset := lowest+(last-lowest)/10, now
	h.each(func(r *incident.Reading) {
		if v := signalValues(r, profile.Unknown)[s]; v >= 0 && v <= line {
			onset = r.Time
		}
	})
	return onset
}
