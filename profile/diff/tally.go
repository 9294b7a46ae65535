package diff

import (
	"math"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// tally holds the sums of a row.
type tally struct {
	value, objects incident.Change
	// samples is the number of profiler samples behind the value after. The
	// variances are those of the estimates before and after.
	samples, varianceBefore, varianceAfter float64
	// lines is the growth of each line; leaves is the growth of each leaf below
	// a site.
	lines  map[int32]int64
	leaves map[int32]int64
	// callers are the user's own functions that called the site.
	callers []caller
	// route is the stack of the site's largest sample, near the site.
	route route
}

// estimate returns how many profiler samples a value was estimated from, and
// the variance of the estimate.
func estimate(k profile.Kind, value, objects int64, rate float64) (samples, variance float64) {
	v := float64(value)
	switch {
	case value <= 0:
		return 0, 0
	case k == profile.Heap && rate > 1 && objects > 0:
		// An object of size s is sampled with probability p = 1-exp(-s/rate),
		// and scaleHeapSample in runtime/pprof divides by p, so the relative
		// variance is (1-p)/n. Sizes far above the rate are exact.
		n := float64(objects)
		p := -math.Expm1(-v / n / rate)
		return n * p, v * v * (1 - p) / (n * p)
	case k == profile.Heap && rate > 1, k == profile.CPU && rate > 0:
		return v / rate, v * rate
	}
	return v, 0
}

func (d *diff) tallyOf(in map[int32]*tally, at call, value, objects int64, n, variance float64, after bool) *tally {
	t := in[at.fn]
	if t == nil {
		t = &tally{lines: make(map[int32]int64, 1)}
		in[at.fn] = t
	}
	d.change(&t.value, value, after)
	d.change(&t.objects, objects, after)
	line := t.lines[at.line]
	switch {
	case after:
		t.samples += n
		t.varianceAfter += variance
		d.sum(&line, value)
		t.lines[at.line] = line
	default:
		t.varianceBefore += variance
		// In another build the lines have other numbers: count only the later
		// profile's.
		if d.byLine {
			d.sum(&line, -max(value, -maxSum))
			t.lines[at.line] = line
		}
	}
	return t
}

// largest returns the key with the largest value. Of equal values it returns
// the smallest key, so the result does not depend on map order.
func largest(of map[int32]int64) (key int32, value int64) {
	first := true
	for k, v := range of {
		if first || v > value || v == value && k < key {
			key, value, first = k, v, false
		}
	}
	return key, value
}
