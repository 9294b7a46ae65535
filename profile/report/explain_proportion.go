package report

import (
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// proportion says how the live heap follows the number of goroutines.
type proportion struct {
	perGoroutine float64 // bytes
	r2           float64
	span         time.Duration
	even         bool // time alone would explain as much
	// judged means that the history is long enough to tell, holds that it shows
	// a proportion.
	judged, holds bool
}

// proportionOf finds out from the history whether the live heap follows the
// goroutines. grown is the growth at the suspect's site.
func proportionOf(m incident.Manifest, grown int64) (p proportion) {
	points := thinHistory(m)
	t, x, y := follow(points, true)
	if len(x) < minProportionPoints {
		t, x, y = follow(points, false)
	}
	if len(x) < minProportionPoints {
		return p
	}
	// Less is the noise of any service, or not the growth in question.
	rise := slices.Max(x) - slices.Min(x)
	if rise < max(16, 0.1*slices.Max(x), 0.5*float64(grown)) {
		return p
	}
	p.judged = true
	slope, r := line(x, y)
	p.perGoroutine, p.r2 = slope, r*r
	p.span = time.Duration((t[len(t)-1] - t[0]) * float64(time.Second))
	low, high := halves(x, y)
	if slope <= 0 || p.r2 < minProportionR2 || slices.Max(y)-slices.Min(y) < 1<<20 || !within(low, high, 2) {
		return p
	}
	// The correlation that remains once time has been removed from both.
	_, xt := line(t, x)
	_, yt := line(t, y)
	partial := 0.0
	if rest := (1 - xt*xt) * (1 - yt*yt); rest > 1e-9 {
		partial = (r - xt*yt) / math.Sqrt(rest)
	}
	p.even = partial < minPartialR
	p.holds = !p.even || xt*xt >= evenR2
	return p
}

// follow returns time in seconds, goroutines and live heap of the points at
// which all are known. The live heap is that of the last GC cycle. With fresh,
// only points with a new value count, because it lags behind at the others.
func follow(points []incident.HistoryPoint, fresh bool) (t, x, y []float64) {
	last := profile.Bytes(profile.Unknown)
	for _, h := range points {
		if !h.Goroutines.Known() || !h.LiveHeap.Known() || fresh && h.LiveHeap == last {
			continue
		}
		last = h.LiveHeap
		t = append(t, h.Time.Sub(points[0].Time).Seconds())
		x = append(x, float64(h.Goroutines))
		y = append(y, float64(h.LiveHeap))
	}
	return t, x, y
}

// thinHistory returns the history without the readings at its end, if it is
// long enough without them. They are many and close together, and would
// outweigh it.
func thinHistory(m incident.Manifest) []incident.HistoryPoint {
	known := 0
	for _, h := range m.History {
		if h.Goroutines.Known() && h.LiveHeap.Known() {
			known++
		}
	}
	if known >= minProportionPoints && len(m.Readings) > 1 {
		m.Readings = m.Readings[len(m.Readings)-1:]
	}
	return history(m)
}

// line fits y on x by least squares; r is Pearson's correlation.
func line(x, y []float64) (slope, r float64) {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var xx, yy, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
		xy += (x[i] - mx) * (y[i] - my)
	}
	if xx <= 0 || yy <= 0 {
		return 0, 0
	}
	return xy / xx, xy / math.Sqrt(xx*yy)
}

// halves returns the slope at few goroutines and the slope at many.
func halves(x, y []float64) (low, high float64) {
	middle := (slices.Min(x) + slices.Max(x)) / 2
	var xl, yl, xh, yh []float64
	for i := range x {
		if x[i] <= middle {
			xl, yl = append(xl, x[i]), append(yl, y[i])
		} else {
			xh, yh = append(xh, x[i]), append(yh, y[i])
		}
	}
	low, _ = line(xl, yl)
	high, _ = line(xh, yh)
	return low, high
}
