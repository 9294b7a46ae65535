package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// When proportion is claimed. Below these a coincidence is as likely.
const (
	minProportionPoints = 8
	minProportionR2     = 0.9
	// minPartialR is the correlation that must remain after removing the part
	// that both owe to time. Two independent leaks both rise with time; only
	// one that follows the other also pauses when it does.
	minPartialR = 0.5
	// evenR2 is the r² with time above which goroutines grow so evenly that the
	// remaining correlation may be too small to judge. Proportion is then
	// claimed with that doubt.
	evenR2 = 0.995
	// minCauseConfidence is the least confidence of goroutines to be called the
	// cause of something.
	minCauseConfidence = 0.3
	// minAllocatedBelow is the part of a suspect's growth that goroutines must
	// have allocated to be linked to it.
	minAllocatedBelow = 0.5
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

// relate finds the goroutines that others grow with, and puts them first.
func relate(r *Report) {
	cause := slices.IndexFunc(r.Suspects, func(s incident.Suspect) bool {
		return (s.Kind == profile.Goroutine || s.Kind == profile.GoroutineLeak) && s.Value.Growth() > 0 && s.Confidence >= minCauseConfidence
	})
	if cause < 0 {
		return
	}
	p := proportionOf(r.Manifest, r.Suspects[cause].Value.Growth())
	first := -1
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Unit != profile.UnitBytes || s.Value.Growth() <= 0 {
			continue
		}
		why := relation(r, r.Suspects[cause], *s, p)
		if len(why) == 0 {
			continue
		}
		s.Role = incident.RoleGrowsWith
		s.Reasons = append(why, s.Reasons...)
		r.Suspects[cause].Role = incident.RoleCause
		r.Suspects[cause].Reasons = append(r.Suspects[cause].Reasons,
			fmt.Sprintf("%s grows with them: look here first", shortName(s.Frame.Function)))
		if first < 0 {
			first = i
		}
	}
	if first >= 0 && first < cause {
		c := r.Suspects[cause]
		r.Suspects = slices.Insert(slices.Delete(r.Suspects, cause, cause+1), first, c)
	}
}

// relation says why a suspect of the heap grows with goroutines; nil if it does
// not.
func relation(r *Report, g, h incident.Suspect, p proportion) (why []string) {
	if stackFunctions[h.Frame.Function] {
		return []string{"grows with it: these are the descriptors and stacks of goroutines"}
	}
	perGoroutine := float64(h.Value.Growth()) / float64(g.Value.Growth())
	each := profile.Bytes(math.Round(perGoroutine)).String()
	switch {
	case p.holds && within(perGoroutine, p.perGoroutine, 3):
		text := fmt.Sprintf("grows with it: about %s per goroutine, r² %.2f over %s", each, p.r2, words.Span(p.span))
		if p.even {
			text += "; both rise so evenly that time alone may explain it"
		}
		why = append(why, text)
	case p.judged: // the history shows that it does not
	default:
		if f, ok := sameFactor(r, g, h); ok {
			why = append(why, fmt.Sprintf("grows with it: memory grew %.1f-fold and goroutines %.1f-fold, about %s per goroutine",
				ratio(h.Value), f, each))
		}
	}
	if n := objectsOf(r, h); len(why) == 0 && n >= leastPairs && within(float64(n), float64(g.Value.Growth()), pairedWithin) {
		why = append(why, fmt.Sprintf("grows with it: about one object of %s for each goroutine", each))
	}
	if part := allocatedBelow(r, g, h); part >= minAllocatedBelow {
		why = append(why, fmt.Sprintf("grows with it: these goroutines allocated %.0f%% of it", 100*part))
	}
	return why
}

const (
	// leastPairs is how many objects and goroutines must have come for their equal number
	// to be no chance.
	leastPairs = 100
	// pairedWithin leaves room for the sampling error of the heap profile.
	pairedWithin = 1.3
)

// objectsOf returns how many objects were added at the suspect's site.
func objectsOf(r *Report, h incident.Suspect) int64 {
	if r.Heap == nil {
		return 0
	}
	for _, row := range r.Heap.Sites {
		if row.Frame.Function == h.Frame.Function {
			return row.Objects.Growth()
		}
	}
	return 0
}

// sameFactor reports whether memory and goroutines, at the site or in total,
// grew by the same factor. Two points are weak evidence, so both must have
// grown by at least a third and must agree within 15%. There is no factor if
// one started at zero.
func sameFactor(r *Report, g, h incident.Suspect) (factor float64, ok bool) {
	changes := []incident.Change{g.Value}
	if r.Goroutine != nil {
		changes = append(changes, r.Goroutine.Total)
	}
	fh := ratio(h.Value)
	for _, c := range changes {
		if f := ratio(c); f >= 4.0/3 && fh >= 4.0/3 && within(f, fh, 1.15) {
			return f, true
		}
	}
	return 0, false
}

func ratio(c incident.Change) float64 {
	if c.Before <= 0 {
		return 0
	}
	return float64(c.After) / float64(c.Before)
}

func within(a, b, factor float64) bool {
	return a > 0 && b > 0 && a <= b*factor && b <= a*factor
}

// allocatedBelow returns the part of a heap suspect's growth that was allocated
// below the function that the goroutines started with, or that they wait in.
func allocatedBelow(r *Report, g, h incident.Suspect) float64 {
	if r.Heap == nil || r.Heap.Flame == nil || h.Frame.Function == "" {
		return 0
	}
	starts := map[string]bool{}
	add := func(function string) {
		if function != "" && function != h.Frame.Function {
			starts[function] = true
		}
	}
	add(g.Frame.Function)
	if r.Goroutine != nil {
		// Goroutines of all sorts start with functions of the standard library,
		// such as (*conn).serve of net/http.
		for _, group := range r.Goroutine.Goroutines {
			if group.Blocked.Function == g.Frame.Function && group.Blocked.Line == g.Frame.Line && group.Root.Module != "std" {
				add(group.Root.Function)
			}
		}
	}
	var of, below int64
	var walk func(n *diff.FlameNode, started bool, depth int)
	walk = func(n *diff.FlameNode, started bool, depth int) {
		if n == nil || depth > maxFlameDepth {
			return
		}
		if n.Name == h.Frame.Function {
			of += n.Value
			if started {
				below += n.Value
			}
			return
		}
		started = started || starts[n.Name]
		for _, c := range n.Children {
			walk(c, started, depth+1)
		}
	}
	walk(r.Heap.Flame, false, 0)
	if of <= 0 {
		return 0
	}
	return float64(below) / float64(of)
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

// history returns all points known, oldest first.
func history(m incident.Manifest) []incident.HistoryPoint {
	all := slices.Clone(m.History)
	for _, r := range m.Readings {
		h := incident.HistoryPoint{Time: r.Time, Memory: r.Unreclaimable, LiveHeap: r.HeapLive, Goroutines: r.Goroutines}
		if !h.Memory.Known() {
			h.Memory = r.RSS
		}
		all = append(all, h)
	}
	// Not slices.SortStableFunc: each type that it sorts costs a binary 10 KB.
	sort.SliceStable(all, func(i, j int) bool { return all[i].Time.Before(all[j].Time) })
	return all
}
