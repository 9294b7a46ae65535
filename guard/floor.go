package guard

import (
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// defaultFloorWindow is long enough for a job that works most of an hour.
	defaultFloorWindow = time.Hour
	leastFloorWindow   = time.Second
	longestFloorWindow = 24 * time.Hour
	// floorSlices is into how many slices the window is cut, and leastSlices how
	// many it takes to speak of a floor.
	floorSlices = 60
	leastSlices = 10
	// floorShare of the slices are lower than the floor. Not none, or one slice
	// in which the process was frozen would be the floor for an hour.
	floorShare = 0.1
)

// floors knows what a process does at its quietest: of CPU time and of wake-ups
// per second in slices of a window, the one that a tenth of the slices are
// below. Requests and jobs come in bursts and leave slices alone; what ticks does
// not. It is a function of the readings shown to it.
type floors struct {
	window time.Duration
	since  time.Duration // of the first reading
	begin  slicePoint    // of the slice under way
	begun  bool
	slices []slice // oldest first, at most floorSlices

	cpu, wakeups int64 // the floors in milli-CPUs and per second, or Unknown
	fresh        bool  // the last reading has closed a slice
	scratch      [floorSlices]float64
}

// slicePoint is a reading at the border of slices.
type slicePoint struct {
	at      time.Duration
	cpu     time.Duration // used by the process until then, or Unknown
	wakeups profile.Count
}

// slice is what the process did in a part of the window: milli-CPUs and wake-ups
// per second, negative where nobody knows.
type slice struct {
	end          time.Duration
	cpu, wakeups float64
}

func newFloors(window time.Duration) floors {
	return floors{window: window, cpu: profile.Unknown, wakeups: profile.Unknown}
}

// observe takes a reading. Most of them only look whether the slice is over.
func (f *floors) observe(at time.Duration, r *incident.Reading) {
	f.fresh = false
	now := slicePoint{at: at, cpu: r.CPUTime, wakeups: r.Wakeups}
	if !f.begun {
		f.begin, f.since, f.begun = now, at, true
		return
	}
	took := (at - f.begin.at).Seconds()
	if at-f.begin.at < f.window/floorSlices {
		return
	}
	s := slice{end: at, cpu: profile.Unknown, wakeups: profile.Unknown}
	// A counter that runs backwards is not known.
	if used := now.cpu - f.begin.cpu; now.cpu >= 0 && f.begin.cpu >= 0 && used >= 0 {
		s.cpu = 1000 * used.Seconds() / took
	}
	if woken := now.wakeups - f.begin.wakeups; now.wakeups.Known() && f.begin.wakeups.Known() && woken >= 0 {
		s.wakeups = float64(woken) / took
	}
	f.begin, f.fresh = now, true
	for len(f.slices) > 0 && (len(f.slices) == floorSlices || f.slices[0].end <= at-f.window) {
		f.slices = f.slices[:copy(f.slices, f.slices[1:])]
	}
	f.slices = append(f.slices, s)
	f.cpu, f.wakeups = profile.Unknown, profile.Unknown
	// A window that is not full yet knows no quiet time: it would take the first
	// minutes for a floor.
	if at-f.since >= f.window {
		f.cpu = f.floor(func(s slice) float64 { return s.cpu })
		f.wakeups = f.floor(func(s slice) float64 { return s.wakeups })
	}
}

// floor is that of a quantity of the slices, or Unknown.
func (f *floors) floor(of func(slice) float64) int64 {
	known := f.scratch[:0]
	for _, s := range f.slices {
		if v := of(s); v >= 0 {
			known = append(known, v)
		}
	}
	if len(known) < leastSlices {
		return profile.Unknown
	}
	slices.Sort(known)
	return int64(math.Round(known[int(floorShare*float64(len(known)))]))
}

// last is what the newest slice has of a signal, for its trend, which looks for
// floors of its own; ok is false where the reading has closed none.
func (f *floors) last(s Signal) (v float64, ok bool) {
	if !f.fresh {
		return 0, false
	}
	newest := f.slices[len(f.slices)-1]
	v = newest.cpu
	if s == WakeupFloor {
		v = newest.wakeups
	}
	return v, v >= 0
}

// idle is what an incident keeps of the floors; nil where nobody knows them.
func (o *observer) idle() *incident.IdleUse {
	v, b := &o.view.values, &o.view.base
	if v[CPUFloor] < 0 && v[WakeupFloor] < 0 {
		return nil
	}
	return &incident.IdleUse{
		WindowNS: o.floors.window.Nanoseconds(),
		CPU:      profile.MilliCPU(v[CPUFloor]), CPUBefore: profile.MilliCPU(b[CPUFloor]),
		Wakeups: profile.Count(v[WakeupFloor]), WakeupsBefore: profile.Count(b[WakeupFloor]),
	}
}
