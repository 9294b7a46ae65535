package guard

import "time"

// view is the policy's input at one instant. Times are durations since Start by the
// monotonic clock, so a step of the wall clock neither opens nor closes anything.
// Values that are not known are profile.Unknown.
type view struct {
	at       time.Duration
	values   [signals]int64
	limits   [signals]int64
	base     [signals]int64
	trends   *trends
	growth   *growth // of Memory
	live     *growth // of live heap and stacks, with a point per GC cycle
	alloc    *growth // of the total allocated so far
	headroom int64   // bytes left until the kernel kills
	liveRoom int64   // the headroom if all garbage were collected
	spare    int64   // bytes that the guard's own work may count on: headroom, or more if soft
	soft     bool    // the process has disproved that it is killed at the limit
	heap     heapView
	throttle throttling
	capture  time.Duration // the expected duration of a capture
	canJudge bool          // a forced GC is allowed, to tell a leak from garbage
}

// timeToLimit returns the time until Memory reaches the limit at its present rate. ok
// is false if it does not grow or is unknown.
func (v *view) timeToLimit() (left time.Duration, ok bool) {
	rate, _ := v.growth.rate()
	if v.headroom < 0 || rate <= 0 {
		return 0, false
	}
	return lasts(v.headroom, rate), true
}

// soonest returns the time until Memory reaches the limit at the fastest of its rates
// over several spans. A leak of 10 MiB/s may not show at all in 50 ms.
func (v *view) soonest() (left time.Duration, sudden, ok bool) {
	if v.headroom < 0 {
		return 0, false, false
	}
	for _, window := range [...]time.Duration{rateWindow, time.Second, 10 * time.Second} {
		rate, fromCPU := v.growth.rateOver(window)
		if rate <= 0 {
			continue
		}
		if l := lasts(v.headroom, rate); !ok || l < left {
			left, sudden, ok = l, fromCPU, true
		}
	}
	return left, sudden, ok
}

// level returns the level of a line in the signal's unit. ok is false if the limit or
// baseline is unknown, and for a line that has no level, such as TimeToLimit.
func (v *view) level(s Signal, l Line) (level int64, ok bool) {
	switch l.kind {
	case lineAbsolute:
		return l.amount, true
	case lineShare:
		if v.limits[s] <= 0 {
			return 0, false
		}
		return int64(l.ratio * float64(v.limits[s])), true
	case lineGrowth:
		if v.base[s] < 0 {
			return 0, false
		}
		return max(int64(l.ratio*float64(v.base[s])), v.base[s]+l.amount), true
	default:
		return 0, false
	}
}

// position is the position of a rule's signal relative to its lines.
type position int

const (
	unknown position = iota // the signal or its line is unknown
	below                   // below the recovery line
	between                 // between the recovery line and the line
	suspect                 // above the line unless the growth is garbage
	above                   // at or above the line
)

const (
	// leastRise is the rise that it takes to predict the limit. A heap profile
	// samples one object in 512 KiB, so it would not show a leak of less than 8 MiB
	// reliably. It is a sixteenth of the limit if that is less, and a twentieth if
	// that is more.
	leastRise      = 8 << 20
	leastRiseSmall = 1.0 / 16
	leastRiseLarge = 1.0 / 20
)

func leastRiseOf(limit int64) int64 {
	small, large := int64(leastRiseSmall*float64(limit)), int64(leastRiseLarge*float64(limit))
	return max(min(leastRise, small), large)
}

// slowCapture is the duration above which a capture has to begin at the first sign,
// because it shows the heap at its end.
const slowCapture = 50 * time.Millisecond

// leastRise returns the rise of Memory that a time-to-limit rule needs.
func (v *view) leastRise(s Signal) int64 {
	least := leastRiseOf(v.limits[s])
	if v.capture > slowCapture {
		return min(least, leastRise)
	}
	return least
}

func (v *view) position(r Rule) position {
	value := v.values[r.Signal]
	if value < 0 {
		return unknown
	}
	if !r.Floor.IsZero() {
		floor, ok := v.level(r.Signal, r.Floor)
		if !ok {
			return unknown
		}
		if value < floor {
			return below
		}
	}
	switch r.Line.kind {
	case lineTimeToLimit:
		return v.timePosition(r)
	case lineGrowing:
		return v.trends.position(r.Signal)
	}
	line, ok := v.level(r.Signal, r.Line)
	switch {
	case ok && r.Signal == Throttled && v.throttle.now:
		return above
	case !ok:
		return unknown
	case value >= line:
		return above
	case float64(value) < r.Recover*float64(line):
		return below
	default:
		return between
	}
}

// timePosition tells a leak from garbage. Growth of live memory is certain. Growth of
// Memory is not, because a process fills its heap up to the collector's goal however
// little of it is live. Memory may also not grow while leaked objects replace garbage,
// so the rate of allocation counts as well, as if nothing were freed.
func (v *view) timePosition(r Rule) position {
	if v.headroom < 0 {
		return unknown
	}
	if _, _, ok := v.liveForecast(r); ok {
		return above
	}
	if _, _, ok := v.suspectForecast(r); ok {
		return suspect
	}
	return v.calmPosition(r)
}

// calmPosition is the position of a time-to-limit rule that no forecast crosses.
func (v *view) calmPosition(r Rule) position {
	left, growing := v.timeToLimit()
	if !growing || left.Seconds() > r.Line.time.Seconds()/r.Recover {
		return below
	}
	return between
}

// liveForecast predicts when live memory alone reaches the limit.
func (v *view) liveForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	// Live memory is known exactly, so half of the rise is enough.
	return v.live.forecast(v.liveRoom, leastRiseOf(v.limits[r.Signal])/2, r.Line.time+v.capture)
}

// deathNear is the time to the limit below which evidence from a minute ago is out of
// date.
const deathNear = 10 * time.Second

// liveNear reports whether live memory reaches the limit soon at its present rate.
func (v *view) liveNear() bool {
	rate, _ := v.live.rate()
	return rate > 0 && v.liveRoom >= 0 && lasts(v.liveRoom, rate) < deathNear
}

// limitNear reports whether Memory has used up what is spare soon, at the rate of the
// last 50 ms or second. Unlike soonest it ignores the rate over ten seconds: memory that has
// stopped growing is no danger.
func (v *view) limitNear() bool {
	for _, window := range [...]time.Duration{rateWindow, time.Second} {
		rate, _ := v.growth.rateOver(window)
		if v.spare >= 0 && rate > 0 && lasts(v.spare, rate) < deathNear {
			return true
		}
	}
	return false
}

// memoryForecast predicts when Memory reaches the limit.
func (v *view) memoryForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	return v.growth.forecast(v.headroom, v.leastRise(r.Signal), r.Line.time+v.capture)
}

// suspectForecast predicts when Memory reaches the limit, or would if nothing that is
// allocated were freed.
func (v *view) suspectForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	if left, rate, ok = v.memoryForecast(r); ok || !v.canJudge {
		return left, rate, ok
	}
	return v.alloc.forecast(v.liveRoom, v.leastRise(r.Signal), r.Line.time+v.capture)
}

// openPosition is the position of a suspect signal whose incident is open. Allocation
// alone does not keep an incident open, or a process that makes much garbage would
// never recover.
func (v *view) openPosition(r Rule) position {
	if _, _, ok := v.memoryForecast(r); ok {
		return above
	}
	return v.calmPosition(r)
}
