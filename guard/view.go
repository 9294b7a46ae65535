package guard

import "time"

// view is what the policy sees of one instant. Times are durations since Start
// by the monotonic clock, so that a step of the wall clock neither opens nor
// closes anything. Amounts are profile.Unknown where nobody knows them.
type view struct {
	at       time.Duration
	values   [signals]int64
	limits   [signals]int64
	base     [signals]int64
	trends   *trends
	growth   *growth // of Memory
	live     *growth // of live heap and stacks, a point at each GC cycle
	alloc    *growth // of all that was ever allocated
	headroom int64   // bytes left until the kernel kills
	liveRoom int64   // the same if all garbage were collected
	heap     heapView
	capture  time.Duration // what a capture is expected to take
	canJudge bool          // a forced GC may tell a leak from garbage
}

// timeToLimit is how long Memory takes to the limit at its present rate; ok is
// false when it does not grow or nobody knows.
func (v *view) timeToLimit() (left time.Duration, ok bool) {
	rate, _ := v.growth.rate()
	if v.headroom < 0 || rate <= 0 {
		return 0, false
	}
	return lasts(v.headroom, rate), true
}

// soonest is how long Memory takes to the limit at the fastest of its rates over
// several spans: over 50 ms a leak of 10 MiB/s may not show at all.
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

// level is where a line lies in the signal's own unit; ok is false when what it
// refers to is not known. A TimeToLimit has no level.
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

// position is where a rule's signal stands.
type position int

const (
	unknown position = iota // the signal or its line cannot be known
	below                   // under the recovery line
	between                 // over the recovery line, under the line
	suspect                 // over the line unless what grows is garbage
	above                   // at or over the line
)

const (
	// leastRise is what must have grown before a trend is believed: a heap
	// profile samples one object in 512 KiB, so less than 8 MiB of a leak
	// would not be named reliably by the evidence anyway. Where 8 MiB are
	// much, it is a sixteenth of the limit, where they are little a twentieth.
	leastRise      = 8 << 20
	leastRiseSmall = 1.0 / 16
	leastRiseLarge = 1.0 / 20
)

func leastRiseOf(limit int64) int64 {
	small, large := int64(leastRiseSmall*float64(limit)), int64(leastRiseLarge*float64(limit))
	return max(min(leastRise, small), large)
}

// slowCapture is when a capture takes so long that it has to begin at the first
// sign: what it shows is the heap at its end.
const slowCapture = 50 * time.Millisecond

// leastRise is what of Memory must have risen for a rule of time.
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

// timePosition tells growth that lasts from garbage. What the garbage collector
// found reachable grew for certain. That Memory grew proves nothing: a process
// fills its heap up to the collector's goal however little of it lives. Nor does
// it prove anything that Memory does not grow, while a leak takes the place of
// garbage: so what is allocated is looked at as well, as if all of it stayed.
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

// calmPosition is where a rule of time stands that no forecast crosses.
func (v *view) calmPosition(r Rule) position {
	left, growing := v.timeToLimit()
	if !growing || left.Seconds() > r.Line.time.Seconds()/r.Recover {
		return below
	}
	return between
}

// liveForecast is when live memory alone would meet the limit.
func (v *view) liveForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	// What lives is known exactly, so half of the rise says as much.
	return v.live.forecast(v.liveRoom, leastRiseOf(v.limits[r.Signal])/2, r.Line.time+v.capture)
}

// deathNear is when death counts as near: evidence of a minute ago is then out
// of date.
const deathNear = 10 * time.Second

// liveNear reports whether live memory meets the limit soon at its present rate.
func (v *view) liveNear() bool {
	rate, _ := v.live.rate()
	return rate > 0 && v.liveRoom >= 0 && lasts(v.liveRoom, rate) < deathNear
}

// limitNear reports whether Memory meets the limit soon at the rate of the last
// moment or second. Not at that of ten seconds, as soonest: what has stopped
// growing is no danger.
func (v *view) limitNear() bool {
	for _, window := range [...]time.Duration{rateWindow, time.Second} {
		rate, _ := v.growth.rateOver(window)
		if v.headroom >= 0 && rate > 0 && lasts(v.headroom, rate) < deathNear {
			return true
		}
	}
	return false
}

// memoryForecast is when Memory would meet the limit.
func (v *view) memoryForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	return v.growth.forecast(v.headroom, v.leastRise(r.Signal), r.Line.time+v.capture)
}

// suspectForecast is when Memory would meet the limit, or all that is allocated
// if it lived.
func (v *view) suspectForecast(r Rule) (left time.Duration, rate float64, ok bool) {
	if left, rate, ok = v.memoryForecast(r); ok || !v.canJudge {
		return left, rate, ok
	}
	return v.alloc.forecast(v.liveRoom, v.leastRise(r.Signal), r.Line.time+v.capture)
}

// openPosition is where a suspect signal stands whose incident is open. What is
// allocated keeps none open: a process that makes much garbage would never
// recover.
func (v *view) openPosition(r Rule) position {
	if _, _, ok := v.memoryForecast(r); ok {
		return above
	}
	return v.calmPosition(r)
}
