package guardtest

import (
	"math"
	"time"
)

// heapRound is what one round of iterations added to the live heap.
type heapRound struct {
	n              int64 // iterations
	bytes, objects int64
	took           time.Duration
}

// heapVerdict is what the rounds say so far.
type heapVerdict int

const (
	heapMore    heapVerdict = iota // nothing yet: one more round
	heapClean                      // no growth
	heapGrows                      // growth in proportion to the iterations
	heapFilling                    // growth that has slowed down, but not ended
	heapUnclear                    // too few iterations for what the heap varies by
)

const (
	// defaultTolerance finds an object of 16 bytes, the least the allocator
	// has that is not packed with others, in every tenth iteration.
	defaultTolerance = 1.0
	// A fixed number of objects comes to tolerance/16 of them per iteration,
	// as none is smaller on its own.
	bytesPerObject = 16
	// coarseTolerance is what must be told apart at the end of the budget: half
	// an object of 16 bytes per iteration.
	coarseTolerance = 8.0
	// leastIterations of the last of two rounds that pass: what leaks in every
	// tenth iteration has then leaked six times.
	leastIterations = 64
	// A rate counts as the same through rounds if the largest is at most
	// sameRate times the smallest. A slice that grows by append adds between
	// 0.6 and 1.7 times its content in a round; what varies by a fixed amount
	// has half the rate in each round, a factor of 8 over four.
	sameRate = 4.0
)

// judgeHeap decides on rounds of which each is as long as all before it, so that
// what doubles its memory, a map, does so in each. exhausted says that there is
// to be no further round.
//
// Two rounds in a row within the tolerance pass, on both counts: a leak passes
// only if the rest of the heap has shrunk in proportion twice, and by twice as much the
// second time. Less than nothing is not better: a heap that shrank by much says
// how much it varies, not that nothing leaks.
//
// A leak grows in proportion: the rate in the last rounds is the same, while that
// of noise halves from each round to the next, that of a cache falls to nothing.
// As a cache that fills looks like a leak until it is full, growth is a finding
// only when the budget is exhausted.
func judgeHeap(rounds []heapRound, tolerance float64, exhausted bool) heapVerdict {
	if within(rounds, tolerance) && (exhausted || rounds[len(rounds)-1].n >= leastIterations) {
		return heapClean
	}
	if !exhausted {
		return heapMore
	}
	bytes, objects := rates(rounds)
	steady := steadyGrowth(bytes, tolerance) || steadyGrowth(objects, tolerance/bytesPerObject)
	switch {
	case steady:
		return heapGrows
	case within(rounds, math.Max(tolerance, coarseTolerance)):
		return heapClean
	case rises(bytes, tolerance) || rises(objects, tolerance/bytesPerObject):
		return heapFilling
	}
	return heapUnclear
}

// within reports whether the last two rounds changed the heap by no more than the
// tolerance per iteration.
func within(rounds []heapRound, tolerance float64) bool {
	if len(rounds) < 2 {
		return false
	}
	for _, r := range rounds[len(rounds)-2:] {
		n := float64(r.n)
		if math.Abs(float64(r.bytes)) > tolerance*n || math.Abs(float64(r.objects)) > tolerance/bytesPerObject*n {
			return false
		}
	}
	return true
}

// rates returns the growth per iteration of each round.
func rates(rounds []heapRound) (bytes, objects []float64) {
	for _, r := range rounds {
		bytes = append(bytes, float64(r.bytes)/float64(r.n))
		objects = append(objects, float64(r.objects)/float64(r.n))
	}
	return bytes, objects
}

// steadyGrowth reports whether the rate was above the tolerance and the same in
// the last four rounds, or in as many as there are if these are at least two.
func steadyGrowth(rate []float64, tolerance float64) bool {
	last := rate[max(0, len(rate)-4):]
	lo, hi := math.Inf(1), 0.0
	for _, r := range last {
		lo, hi = math.Min(lo, r), math.Max(hi, r)
	}
	return len(last) >= 2 && lo > tolerance && hi <= sameRate*lo
}

// rises reports whether the last two rounds grew.
func rises(rate []float64, tolerance float64) bool {
	if len(rate) < 2 {
		return false
	}
	return rate[len(rate)-1] > tolerance && rate[len(rate)-2] > tolerance
}
