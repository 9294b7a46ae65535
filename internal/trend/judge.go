package trend

import (
	"fmt"
	"math"
	"time"

	"github.com/leakguard/leakguard/internal/words"
)

// Judge classifies the history up to the last sample. The result depends on the
// samples alone.
func (s *Series) Judge() Verdict {
	if !s.started {
		return Verdict{Reason: "nothing has been sampled yet"}
	}
	j := judgement{s: s}
	growing := Verdict{}
	for _, w := range windows {
		if growing.State == Growing && w.span() < minLeak {
			break
		}
		v := j.window(w)
		if v.State == Leaking {
			return v
		}
		if growing.State == Calm {
			growing = v
		}
	}
	for _, c := range seasons {
		if v := j.season(c); v.State == Leaking {
			return v
		}
	}
	if growing.State == Growing {
		return growing
	}
	age := s.last - s.first
	return Verdict{
		Confidence: min(1, age.Hours()/24),
		Since:      s.first,
		Reason:     fmt.Sprintf("no growth beyond noise, swings and steps in %s", words.Span(age)),
	}
}

// judgement holds the state of one call of Judge: two stretches of points whose
// memory is reused.
type judgement struct {
	s     *Series
	p     points // the stretch that is judged
	other points // the stretch it is compared with
}

// window judges one window. The verdict is Calm if it does not grow, Leaking if it
// passes all tests, and otherwise Growing, with the first failed test as the
// reason.
func (j *judgement) window(w window) Verdict {
	p := &j.p
	if !j.s.latest(p, w.width, w.blocks) {
		return Verdict{}
	}
	rise, ok := p.quarters()
	mean := (rise[0] + rise[1] + rise[2]) / 3
	if !ok || !(mean > 0) || rise[2] < minRise*mean {
		return Verdict{}
	}
	l, ok := fit(p, minSignificance)
	if !ok || !(l.slope > 0) {
		return Verdict{}
	}
	growth := l.slope * p.span()
	spreads, evenly := minSpreads, minRise
	if w.span() < short {
		spreads = minSpreadsShort
	}
	if w.span() < 36*time.Hour {
		evenly = minRiseShort
	}
	confidence := over(l.z, minSignificance)
	confidence = min(confidence, over(growth, minGrowth*p.v[0]), over(growth, spreads*l.spread))
	if confidence < 0.5 {
		return Verdict{}
	}
	before, known := j.before(w)
	if known {
		confidence = min(confidence, over(growth, spreads*before.spread))
	}
	for _, period := range []time.Duration{oneDay, oneWeek} {
		if grown, ok := j.since(period); ok {
			confidence = min(confidence, over(grown, minAbove*min(growth, l.slope*period.Hours())))
		}
	}
	if confidence < 0.5 {
		return Verdict{}
	}

	v := Verdict{State: Growing, Slope: l.slope, Confidence: confidence, Since: j.onset(w.span())}
	v.Low, v.High = l.interval(p)
	grew := fmt.Sprintf("it grew by %s in %s", share(growth, p.v[0]), words.Span(w.span()))
	if w.span() < minLeak {
		v.Reason = grew + ", as a cache that fills or a morning's load also does"
		return v
	}
	confidence = min(confidence, within(min(rise[0], rise[1], rise[2])/mean, evenly))
	if confidence < 0.5 {
		v.Reason = grew + ", but not evenly"
		return v
	}
	if known && w.span() <= short {
		if confidence = min(confidence, over(growth, minRanges*before.wide)); confidence < 0.5 {
			v.Reason = grew + ", but it swung as far before"
			return v
		}
	}
	_, inside := stairs(p)
	if confidence = min(confidence, within(inside/l.slope, minWithin)); confidence < 0.5 {
		v.Reason = grew + ", but in a few steps"
		return v
	}
	if j.fills(l.slope) {
		v.Reason = grew + ", but more and more slowly, like a cache that fills"
		return v
	}
	if confidence < minConfidence {
		v.Reason = grew + ", but not clearly beyond swings and steps"
		return v
	}
	v.State, v.Confidence = Leaking, min(confidence, 0.99)
	v.Reason = grew + ", evenly, and beyond what noise, swings, steps and warm-up explain"
	return v
}

// over returns how clearly x is above the threshold line, from 0 to 1. It is 0.5 at
// the threshold and approaches 1 as x grows.
func over(x, line float64) float64 {
	if line <= 0 {
		return 1
	}
	if x < line {
		return max(0, 0.499*x/line)
	}
	return 1 - 0.5*line/x
}

// within is like over, for an x that is a share and at most 1.
func within(x, line float64) float64 {
	if x < line {
		return max(0, 0.499*x/line)
	}
	return min(1, 0.5+0.5*(x-line)/(1-line))
}

// before fits a line to up to three days before the window. ok is false if there
// are too few points.
func (j *judgement) before(w window) (l line, ok bool) {
	q := &j.other
	width := max(w.width, time.Hour)
	inside := int((w.span() + width - 1) / width)
	blocks := min(j.s.available(width), inside+int(3*oneDay/width))
	if blocks-inside < 8 || !j.s.latest(q, width, blocks) {
		return l, false
	}
	n := 0
	for n < len(q.t) && q.t[n] < q.width*float64(blocks-inside) {
		n++
	}
	if n < 8 {
		return l, false
	}
	q.t, q.v = q.t[:n], q.v[:n]
	return fit(q, math.Inf(-1))
}

// since returns how far the last 8 hours are above the same time one period ago.
func (j *judgement) since(period time.Duration) (growth float64, ok bool) {
	const compared = 8
	q := &j.other
	lag := int(period / time.Hour)
	if !j.s.latest(q, time.Hour, lag+compared) {
		return 0, false
	}
	v := q.byBlock()
	q.scratch = q.scratch[:0]
	for i := lag; i < len(v); i++ {
		if d := v[i] - v[i-lag]; !math.IsNaN(d) {
			q.scratch = append(q.scratch, d)
		}
	}
	if len(q.scratch) < compared/2 {
		return 0, false
	}
	return quantile(q.scratch, 0.5), true
}

// widths are the block widths that whole tries, finest first.
var widths = []time.Duration{
	10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
	4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour,
}

// whole fills j.other with the entire history, in at most 72 blocks.
func (j *judgement) whole() (ok bool) {
	for _, width := range widths {
		if n := j.s.available(width); n <= 72 {
			return j.s.latest(&j.other, width, n)
		}
	}
	return false
}

// fills reports whether a curve that fills up explains the history better than a
// leak.
func (j *judgement) fills(slope float64) bool {
	if !j.whole() {
		return false
	}
	better, beside := saturating(&j.other, max(j.other.from-j.s.first.Hours(), 0))
	return better < maxConcave && beside < minBeside*slope
}

// onset estimates when the growth that has lasted for span began: where a constant
// level followed by a line fits best.
func (j *judgement) onset(span time.Duration) time.Duration {
	q := &j.other
	begin := max(j.s.last-span, j.s.first)
	if !j.whole() {
		return begin
	}
	latest := (begin + span/4).Hours() - q.from
	hinge := make([]float64, len(q.t))
	least, best := math.Inf(1), 0.0
	for k := 0; k < len(q.t) && q.t[k] <= latest; k++ {
		for i, t := range q.t {
			hinge[i] = max(t-q.t[k], 0)
		}
		if residual := leastSquares(hinge, q.v); residual < least {
			least, best = residual, q.t[k]
		}
	}
	if math.IsInf(least, 1) {
		return begin
	}
	return min(max(time.Duration((q.from+best)*float64(time.Hour)), j.s.first), j.s.last)
}

// share formats growth as a percentage of level, or as it is if level is not
// positive.
func share(growth, level float64) string {
	if level <= 0 {
		return fmt.Sprintf("%.3g", growth)
	}
	return fmt.Sprintf("%.0f%%", 100*growth/level)
}
