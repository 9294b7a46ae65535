package guard

import "time"

const (
	// rateWindow is the window of the present rate. It is long enough to bridge the
	// pauses of a program that allocates in bursts.
	rateWindow = 50 * time.Millisecond
	// shortestWindow is the shortest window for a rate. In a shorter one, a single
	// large allocation would be a rate of TB/s.
	shortestWindow = time.Millisecond
	// believedFor: a rate is extrapolated for this many times the span over which it
	// was measured. Five milliseconds of growth predict the next forty, not the next
	// minute.
	believedFor = 8
	// suddenFor is how long a rate is extrapolated that was not measured, but
	// derived from the CPU time used since a calm reading long ago.
	suddenFor = 25 * time.Millisecond

	// cpuLag: the kernel accounts the CPU time of threads on other processors in its
	// clock tick, so a reading may lack a few milliseconds.
	cpuLag = 5 * time.Millisecond

	// mostPoints is the most points kept. Their spacing grows with age, so that they
	// reach back to oldestPoint.
	mostPoints  = 96
	spacing     = 12
	oldestPoint = 2 * time.Hour

	// riseWindow is the window of the rise, divided into riseSlots.
	riseWindow = 10 * time.Second
	riseSlots  = 10
)

// point is one reading of Memory. cpu is negative if unknown.
type point struct {
	at, cpu time.Duration
	bytes   int64
}

// growth is how Memory has moved up to its last point.
type growth struct {
	points []point // oldest first, denser towards the end
	lows   [riseSlots]low
	rise   int64 // bytes above the lowest reading of the last ten seconds
}

// low is the lowest reading of one second.
type low struct {
	slot  int64
	bytes int64
}

// add adds the next point. It allocates nothing once there are mostPoints.
func (g *growth) add(p point) {
	g.addLow(p)
	// Old points are thinned out: a point is dropped if its neighbours are closer to
	// each other than a twelfth of its age.
	kept := g.points[:0]
	for i, q := range g.points {
		age := p.at - q.at
		if age > oldestPoint {
			continue
		}
		if i > 0 && i+1 < len(g.points) && len(kept) > 0 &&
			g.points[i+1].at-kept[len(kept)-1].at < max(age/spacing, shortestWindow) {
			continue
		}
		kept = append(kept, q)
	}
	if len(kept) == mostPoints {
		kept = kept[:copy(kept, kept[1:])]
	}
	g.points = append(kept, p)
}

func (g *growth) addLow(p point) {
	const width = riseWindow / riseSlots
	slot := int64(p.at/width) + 1 // 0 means never written
	l := &g.lows[slot%riseSlots]
	if l.slot != slot {
		*l = low{slot, p.bytes}
	}
	l.bytes = min(l.bytes, p.bytes)
	least := p.bytes
	for _, l := range g.lows {
		if l.slot > max(slot-riseSlots, 0) {
			least = min(least, l.bytes)
		}
	}
	g.rise = p.bytes - least
}

// lowest is the lowest value of the last ten seconds, or 0.
func (g *growth) lowest() int64 { return g.last() - g.rise }

// last is the last value, or 0.
func (g *growth) last() int64 {
	if len(g.points) == 0 {
		return 0
	}
	return g.points[len(g.points)-1].bytes
}

// rate returns the present rate in bytes per second: over the last 50 ms, or since the
// last reading before that if there is none within. sudden says that it is derived
// from CPU time.
func (g *growth) rate() (rate float64, sudden bool) { return g.rateOver(rateWindow) }

// rateOver returns the rate over a window that ends now, or since the last reading
// before it if there is none within.
func (g *growth) rateOver(window time.Duration) (rate float64, sudden bool) {
	for i := range g.points {
		if g.age(i) > window && i+1 < len(g.points) && g.age(i+1) >= shortestWindow {
			continue // there is a younger one to measure from
		}
		rate, _, sudden = g.since(i)
		return rate, sudden
	}
	return 0, false
}

func (g *growth) age(i int) time.Duration { return g.points[len(g.points)-1].at - g.points[i].at }

// since returns the rate since point i, and the span over which it was measured.
func (g *growth) since(i int) (rate float64, span time.Duration, sudden bool) {
	now, then := g.points[len(g.points)-1], g.points[i]
	span = now.at - then.at
	if span > rateWindow && i+2 == len(g.points) && then.cpu >= 0 && now.cpu >= then.cpu {
		// There is no reading in between. The growth took CPU time, and took no
		// longer than that if one core caused it.
		if cpu := now.cpu - then.cpu + cpuLag; cpu < span {
			span, sudden = cpu, true
		}
	}
	if span < shortestWindow {
		return 0, 0, false
	}
	return float64(now.bytes-then.bytes) / span.Seconds(), span, sudden
}

// forecast predicts when headroom is used up. ok is false unless a rate that may be
// extrapolated that far does so within the given time.
//
// A rise of less than least is no trend. Neither is growth that has stopped, so the
// newer half of the span must grow as well. Spans are tried from the shortest to the
// first that shows such a rise and may be extrapolated for the whole time. Longer ones
// describe only the past.
func (g *growth) forecast(headroom, least int64, within time.Duration) (left time.Duration, rate float64, ok bool) {
	newest := len(g.points) - 1
	for i := newest - 1; i >= 0; i-- {
		if g.points[newest].bytes-g.points[i].bytes < least {
			continue
		}
		r, span, sudden := g.since(i)
		if span == 0 {
			continue
		}
		believed := believedFor * span
		if sudden {
			believed = suddenFor
		}
		if half := g.half(i); half > i {
			if newer, s, _ := g.since(half); s > 0 {
				r = min(r, newer)
			}
		}
		if r > 0 {
			if left := lasts(headroom, r); left <= min(within, believed) {
				return left, r, true
			}
		}
		if believedFor*span >= within {
			break
		}
	}
	return 0, 0, false
}

// half returns the first point in the newer half of the span since point i.
func (g *growth) half(i int) int {
	middle := g.age(i) / 2
	for j := i + 1; j < len(g.points)-1; j++ {
		if g.age(j) <= middle {
			return j
		}
	}
	return i
}

// lasts returns how long the headroom lasts at a rate above 0.
func lasts(headroom int64, rate float64) time.Duration {
	const most = 1000 * time.Hour
	return time.Duration(min(float64(headroom)/rate, most.Seconds()) * float64(time.Second))
}
