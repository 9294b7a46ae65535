package trend

import (
	"fmt"
	"math"
	"time"

	"github.com/leakguard/leakguard/internal/words"
)

// comparison is a stretch to be compared with the same time one period earlier. It
// spans one period to compare with, most of a second and all of a third.
type comparison struct {
	window
	period time.Duration
}

var seasons = []comparison{
	{window{time.Hour, 68}, oneDay},
	{window{6 * time.Hour, 76}, oneWeek},
}

// season finds leaks under a swing of the load. A leak adds memory at all times of
// the period, in the trough as well as at the peak. More load adds at the peak
// only.
func (j *judgement) season(c comparison) Verdict {
	p := &j.p
	if !j.s.latest(p, c.width, c.blocks) {
		return Verdict{}
	}
	lag := int(c.period / c.width)
	v := p.byBlock()
	var earlier, first, second []float64
	for b := lag; b < len(v); b++ {
		d := v[b] - v[b-lag]
		switch {
		case math.IsNaN(d):
		case b < len(v)-lag:
			earlier = append(earlier, d)
		case b < len(v)-lag/2:
			first = append(first, d)
		default:
			second = append(second, d)
		}
	}
	if min(len(earlier), len(first), len(second)) < lag/4 {
		return Verdict{}
	}
	last := append(append([]float64(nil), first...), second...)
	low, median, high := quantile(last, 0.15), quantile(last, 0.5), quantile(last, 0.85)
	before := quantile(earlier, 0.5)
	if !(median > 0) {
		return Verdict{}
	}
	slope := median / c.period.Hours()
	// The stretch before the last period is assumed to have grown at the earlier
	// rate.
	growth := median + before*(c.span()-c.period).Hours()/c.period.Hours()
	confidence := min(
		within(low/median, minThroughout),
		over(quantile(second, 0.5), minKept*quantile(first, 0.5)),
		over(median, minKept*before), // a cache fills more and more slowly
		over(before, minBefore*median),
		over(growth, minGrowth*p.v[0]),
	)
	if confidence < minConfidence {
		return Verdict{}
	}
	p.scratch = p.scratch[:0]
	for i := range p.v {
		p.scratch = append(p.scratch, p.v[i]-slope*p.t[i])
	}
	confidence = min(confidence, over(growth, minSpreads*spread(p.scratch)))
	if grown, ok := j.since(oneWeek); ok {
		confidence = min(confidence, over(grown, minAbove*min(growth, slope*oneWeek.Hours())))
	}
	if confidence < minConfidence {
		return Verdict{}
	}
	// Steps one period apart also look like a leak in such differences. There is no
	// season if levels alone leave as little noise as the comparison does. (Each
	// difference has the noise of two floors.)
	noise := 0.0
	for _, d := range last {
		noise += (d - median) * (d - median) / 2
	}
	levels, _ := stairs(p)
	if noise/float64(len(last)) >= maxSeasonal*levels/float64(len(p.v)) || j.fills(slope) {
		return Verdict{}
	}
	return Verdict{
		State: Leaking, Slope: slope,
		Low: low / c.period.Hours(), High: high / c.period.Hours(),
		Confidence: min(confidence, 0.99),
		Since:      j.onset(c.span()),
		Reason: fmt.Sprintf("it is above the same time %s ago by %s, throughout the swing",
			words.Span(c.period), share(median, p.v[0])),
	}
}
