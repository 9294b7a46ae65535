package report

import (
	"fmt"
	"math"
	"slices"
	"sort"

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
	if h.Frame.Function == g.Frame.Function {
		return []string{fmt.Sprintf("grows with it: the same function allocates it, about %v per goroutine", profile.Bytes(math.Round(perGoroutine)))}
	}
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
	if n := objectsOf(r, h); len(why) == 0 && n >= leastPairs && r.isLargest(h) && within(float64(n), float64(g.Value.Growth()), pairedWithin) {
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

// isLargest reports whether no other place of the heap grew more. Others that serve the
// same requests can have as many objects by chance.
func (r *Report) isLargest(h incident.Suspect) bool {
	return !slices.ContainsFunc(r.Suspects, func(o incident.Suspect) bool {
		return o.Unit == profile.UnitBytes && o.Frame.Function != h.Frame.Function && o.Value.Growth() > h.Value.Growth()
	})
}

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
