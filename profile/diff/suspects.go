package diff

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// The largest confidence that a comparison of two profiles gives. Two points in
// time cannot tell a leak from a cache that fills up; proof comes from
// elsewhere.
const (
	mostHeap        = 0.85
	mostGoroutine   = 0.88
	mostCPU         = 0.5
	mostWithoutBase = 0.45 // below 0.5 a suspect is called a guess
	leastSuspect    = 0.05 // less is not listed
	confidenceFlag  = 0.9  // the census, over time, considers them leaked
	confidenceProof = 0.99 // the garbage collector proved it
)

// significance returns how certain it is that growth is not noise: 0 at 1
// standard error, 0.5 at 4 and 0.9 at 10. It rises more slowly than a normal
// distribution would suggest, because load that comes and goes is not sampling
// noise.
func significance(z float64) float64 {
	if !(z > 1) {
		return 0
	}
	return (z - 1) * (z - 1) / ((z-1)*(z-1) + 9)
}

// weight returns how much the growth matters: its part of all growth, its part
// of what the place holds now, and its size relative to the whole profile.
func weight(grown, after, total int64, share, floor float64) float64 {
	g := float64(grown)
	relative := g / math.Max(g, float64(after))
	material := g / (g + 0.05*math.Max(0, float64(total)) + floor)
	return 0.45*share + 0.25*relative + 0.3*material
}

// suspectHeap ranks the sites of a heap profile.
func (d *diff) suspectHeap() []incident.Suspect {
	joined := d.join()
	return d.suspectTallies(1<<20, joined, d.confidenceOfHeap, func(s *incident.Suspect, c candidate) {
		s.Reasons = append(s.Reasons, d.grew(s))
		s.Reasons = append(s.Reasons, fmt.Sprintf("%s of the heap growth", inPercent(s.Share)))
		s.Reasons = append(s.Reasons, d.stillGrows(c)...)
		if len(c.libraries) > 0 {
			names := make([]string, 0, 3)
			for _, fn := range c.libraries[:min(len(c.libraries), 3)] {
				names = append(names, d.x.functions[fn].name)
			}
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s of it on goroutines of a library that it calls: %s",
				profile.Bytes(c.inLibraries), strings.Join(names, ", ")))
		}
		if objects := c.objects.Growth(); objects > 0 && c.objects.After > 0 {
			s.Reasons = append(s.Reasons, fmt.Sprintf("%v more objects, now %v each on average",
				profile.Count(objects), profile.Bytes(max(0, c.value.After)/c.objects.After)))
		}
		if _, relErr := significanceOf(c.tally); relErr >= 0.001 {
			s.Reasons = append(s.Reasons, samplingError(c.tally, relErr))
		}
	})
}

func (d *diff) confidenceOfHeap(s *incident.Suspect, c candidate) float64 {
	z, _ := significanceOf(c.tally)
	return mostHeap * significance(z) * d.weightOf(s, c, 1<<20)
}

// weightOf is the weight of a candidate's growth. Where older profiles tell who still
// grows, that counts: a cache that is full grew most and is no leak.
func (d *diff) weightOf(s *incident.Suspect, c candidate, floor float64) float64 {
	if !c.stillKnown {
		return weight(s.Value.Growth(), s.Value.After, d.c.Total.After, s.Share, floor)
	}
	if c.still <= 0 {
		return 0
	}
	share := c.stillShare
	if d.base != nil && d.now.TimeNanos-d.recent.at < (d.now.TimeNanos-d.base.TimeNanos)/10 {
		// In so short a time one table that doubles outweighs all else.
		share = (s.Share + share) / 2
	}
	return weight(max(0, min(c.still, s.Value.Growth())), s.Value.After, d.c.Total.After, share, floor)
}

// stillGrows says how much a candidate grew since the newest rung that tells.
func (d *diff) stillGrows(c candidate) []string {
	if !c.stillKnown {
		return nil
	}
	ago := "since then"
	if d.now.TimeNanos > d.recent.at {
		ago = "in the last " + words.Span(time.Duration(d.now.TimeNanos-d.recent.at))
	}
	if c.still <= 0 || c.stillShare < 0.005 {
		return []string{"has not grown " + ago}
	}
	return []string{fmt.Sprintf("%s more %s, %s of the growth in that time", inUnit(d.c.Unit, c.still), ago, inPercent(c.stillShare))}
}

func samplingError(t *tally, relErr float64) string {
	return fmt.Sprintf("estimated from about %v samples: error ±%s", profile.Count(math.Round(t.samples)), inPercent(relErr))
}

// suspectCPU ranks the sites by the CPU time that they added. More CPU time is
// not a leak in itself, but the tickers and scans of a leak show there.
func (d *diff) suspectCPU() []incident.Suspect {
	return d.suspectTallies(0, nil, d.confidenceOfCPU, func(s *incident.Suspect, c candidate) {
		t := c.tally
		s.Reasons = append(s.Reasons, d.grew(s))
		s.Reasons = append(s.Reasons, fmt.Sprintf("%s of the CPU time growth", inPercent(s.Share)))
		if _, relErr := significanceOf(t); relErr > 0 {
			s.Reasons = append(s.Reasons, samplingError(t, relErr))
		}
	})
}

func (d *diff) confidenceOfCPU(s *incident.Suspect, c candidate) float64 {
	z, _ := significanceOf(c.tally)
	return mostCPU * significance(z) * weight(s.Value.Growth(), s.Value.After, d.c.Total.After, s.Share, 0)
}

// significanceOf returns by how many standard errors a value grew, and the
// relative error of its present value. The first includes the error of sampling
// and, for a heap, the coming and going of objects: n objects are assumed to
// vary by sqrt(n)/2 without a leak, or one more large buffer would look
// certain.
func significanceOf(t *tally) (z, relErr float64) {
	churn := func(value, objects int64) float64 {
		if value <= 0 || objects <= 0 {
			return 0
		}
		return float64(value) * float64(value) / float64(objects) / 4
	}
	sd := math.Sqrt(t.varianceBefore + t.varianceAfter +
		churn(t.value.Before, t.objects.Before) + churn(t.value.After, t.objects.After))
	if t.value.After > 0 {
		relErr = math.Sqrt(t.varianceAfter) / float64(t.value.After)
	}
	if sd == 0 {
		return math.Inf(1), relErr
	}
	return float64(t.value.Growth()) / sd, relErr
}

// suspectTallies ranks the sites by their confidence, and gives reasons for those that it
// keeps: a profile may have a million sites. joined says which sites belong to another
// one.
func (d *diff) suspectTallies(least int64, joined map[int32]int32, confidence func(*incident.Suspect, candidate) float64, reasons func(*incident.Suspect, candidate)) []incident.Suspect {
	var grown float64
	for _, t := range d.sites {
		grown += float64(max(0, t.value.Growth()))
	}
	var list []suspected[candidate]
	for _, c := range d.candidates(joined) {
		if c.value.Growth() <= least/16 {
			continue
		}
		s := incident.Suspect{
			Kind: d.c.Kind, Frame: d.x.frame(c.fn, d.lineOf(c)), Value: c.value, Unit: d.c.Unit, Standing: -1,
			Share: min(1, float64(c.value.Growth())/grown),
		}
		s.Confidence = confidence(&s, c)
		if !d.c.HasBase {
			s.Confidence = min(mostWithoutBase, s.Confidence)
		}
		list = addSuspect(list, suspected[candidate]{s, c})
	}
	var suspects []incident.Suspect
	for _, of := range rankSuspects(list) {
		s, c := of.suspect, of.by
		reasons(&s, c)
		s.Path = d.framesOf(c.route)
		switch leaf, n := largest(c.leaves); {
		case len(c.libraries) > 0:
			line, _ := largest(d.sites[c.libraries[0]].lines)
			s.Through = d.x.frame(c.libraries[0], line)
			s.Path = d.framesOf(d.sites[c.libraries[0]].route)
		case len(c.makers) > 0:
			maker := d.sites[c.makers[0]]
			line, _ := largest(maker.lines)
			s.Through = d.x.frame(c.makers[0], line)
			s.Path = d.framesOf(maker.route)
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s of it is made in %s, which it calls", profile.Bytes(maker.value.Growth()), s.Through.Function))
		case n > c.value.Growth()/2:
			verb := "allocates"
			if d.c.Kind == profile.CPU {
				verb = "runs"
			}
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s through %s%s", verb, d.x.functions[leaf].name, ofModule(d.x.functions[leaf])))
			if d.x.class(leaf) == frames.ClassDependency {
				s.Through = d.x.frame(leaf, 0)
			}
		}
		suspects = append(suspects, s)
	}
	return suspects
}

// lineOf is the line of a candidate to look at.
func (d *diff) lineOf(c candidate) int32 {
	for _, maker := range c.makers {
		t := d.sites[maker]
		if i := slices.IndexFunc(t.callers, func(by caller) bool { return by.fn == c.fn }); i >= 0 && t.value.Growth() > c.value.Growth()/2 {
			return t.callers[i].line
		}
	}
	line, _ := largest(c.lines)
	return line
}

// ofModule names the module of a dependency.
func ofModule(f function) string {
	if f.code.Class != frames.ClassDependency {
		return ""
	}
	return " in " + f.module
}

// suspected is a suspect without its reasons, and what they can be given from.
type suspected[T any] struct {
	suspect incident.Suspect
	by      T
}

// addSuspect adds a suspect, and drops the least likely if the list gets long.
func addSuspect[T any](list []suspected[T], s suspected[T]) []suspected[T] {
	if len(list) == 4*mostSuspects {
		list = rankSuspects(list)
	}
	return append(list, s)
}

// rankSuspects sorts the suspects, most likely first, and drops those not worth
// listing.
func rankSuspects[T any](list []suspected[T]) []suspected[T] {
	list = slices.DeleteFunc(list, func(s suspected[T]) bool { return !(s.suspect.Confidence >= leastSuspect) })
	slices.SortFunc(list, func(x, y suspected[T]) int {
		a, b := &x.suspect, &y.suspect
		return cmp.Or(
			cmp.Compare(b.Confidence, a.Confidence),
			cmp.Compare(b.Value.Growth(), a.Value.Growth()),
			cmp.Compare(a.Frame.Function, b.Frame.Function),
			cmp.Compare(a.Frame.Line, b.Frame.Line),
			cmp.Compare(a.Wait, b.Wait),
		)
	})
	return list[:min(len(list), mostSuspects)]
}

// grew describes the growth: 'grew from 8.0 MiB to 180.4 MiB in 60 min'.
func (d *diff) grew(s *incident.Suspect) string {
	before, after := inUnit(s.Unit, s.Value.Before), inUnit(s.Unit, s.Value.After)
	if !d.c.HasBase {
		return fmt.Sprintf("holds %s; no baseline to compare with", after)
	}
	over := ""
	if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && n.After(b) {
		over = " in " + words.Span(n.Sub(b))
	}
	return fmt.Sprintf("grew from %s to %s%s", before, after, over)
}

func inUnit(unit profile.Unit, n int64) string {
	switch {
	case n < 0:
		return "-" + inUnit(unit, -max(n, -maxSum))
	case unit == profile.UnitBytes:
		return profile.Bytes(n).String()
	case unit == profile.UnitNS:
		return time.Duration(n).Round(10 * time.Millisecond).String()
	}
	return profile.Count(n).String()
}

func inPercent(part float64) string {
	if p := part * 100; p < 10 && p > 0 {
		return fmt.Sprintf("%.2g%%", p)
	}
	return fmt.Sprintf("%.0f%%", part*100)
}
