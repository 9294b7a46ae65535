package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// onset is when what an incident is about began: for what is known over hours
// that is a part of the verdict, for the rest the history tells.
func (l *loop) onset(i *liveIncident) time.Time {
	if i.Signal == LeakedGoroutines && l.leaked > 0 {
		return l.started.Add(l.census.leakedSince)
	}
	signal := i.Signal
	if signal.isFloor() {
		// No reading has a floor; what is compared is goroutines.
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

// growthOnset is when a signal began to rise towards what it is now: the last
// time it was within a tenth of the rise above its lowest known value. A
// baseline older than that does not hold what grew. Where the history does not
// tell it is now.
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
