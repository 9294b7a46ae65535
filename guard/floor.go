package guard

import (
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// defaultFloorWindow is long enough for a job that runs most of an hour.
	defaultFloorWindow = time.Hour
	leastFloorWindow   = time.Second
	longestFloorWindow = 24 * time.Hour
	// floorSlices is the number of slices in the window. A floor needs at least
	// leastSlices.
	floorSlices = 60
	leastSlices = 10
	// floorShare is the share of slices below the floor. It is not 0, because a slice
	// in which the process was frozen would then be the floor for an hour.
	floorShare = 0.1
)

// floors measures how much CPU time and how many wake-ups a process uses at its
// quietest: the value below which a tenth of the slices of the window are. Requests and
// jobs come in bursts and leave slices alone; timers do not. It depends only on its
// readings.
type floors struct {
	window time.Duration
	since  time.Duration // time of the first reading
	begin  slicePoint    // start of the current slice
	begun  bool
	slices []slice // oldest first, at most floorSlices

	cpu, wakeups int64 // the floors in milli-CPUs and per second, or Unknown
	fresh        bool  // the last reading has completed a slice
	scratch      [floorSlices]float64
}

// slicePoint is a reading at the border between slices.
type slicePoint struct {
	at      time.Duration
	cpu     time.Duration // total CPU time of the process, or Unknown
	wakeups profile.Count
}

// slice is the usage in a part of the window: milli-CPUs and wake-ups per second,
// negative if unknown.
type slice struct {
	end          time.Duration
	cpu, wakeups float64
}

func newFloors(window time.Duration) floors {
	return floors{window: window, cpu: profile.Unknown, wakeups: profile.Unknown}
}

// observe adds a reading. Most readings fall within a slice and change nothing.
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
	// A counter that has run backwards gives an unknown value.
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
	// There is no floor before the window is full, or it would be that of the first
	// minutes.
	if at-f.since >= f.window {
		f.cpu = f.floor(func(s slice) float64 { return s.cpu })
		f.wakeups = f.floor(func(s slice) float64 { return s.wakeups })
	}
}

// floor returns the floor of a quantity of the slices, or Unknown.
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

// last returns the newest slice's value of a signal, for the trend, which finds its own
// floors. ok is false if the last reading has not completed a slice.
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

// idle returns the floors for an incident's manifest, or nil if they are unknown.
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
