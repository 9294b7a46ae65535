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

// heapVerdict is the result of the rounds so far.
type heapVerdict int

const (
	heapMore    heapVerdict = iota // undecided: run another round
	heapClean                      // no growth
	heapGrows                      // growth in proportion to the iterations
	heapFilling                    // growth that has slowed down but not ended
	heapUnclear                    // too few iterations for how much the heap varies
)

const (
	// defaultTolerance finds an object of 16 bytes in every tenth iteration. That is
	// the smallest size that the allocator does not pack together with others.
	defaultTolerance = 1.0
	// The tolerated number of objects per iteration is tolerance/bytesPerObject,
	// because no unpacked object is smaller.
	bytesPerObject = 16
	// coarseTolerance is what the test must be able to distinguish when the budget
	// ends: half an object of 16 bytes per iteration.
	coarseTolerance = 8.0
	// leastIterations is the smallest last round that can pass. A leak in every tenth
	// iteration has then leaked six times.
	leastIterations = 64
	// Rates count as equal if the largest is at most sameRate times the smallest. A
	// slice that grows by append adds between 0.6 and 1.7 times its content in a
	// round. For a fixed variation the rate halves in each round: a factor of 8 over
	// four rounds.
	sameRate = 4.0
)

// judgeHeap judges rounds each of which is as long as all before it, so that a map,
// which doubles its memory, does so in every round. exhausted says that there will
// be no further round.
//
// The heap passes if two consecutive rounds stay within the tolerance, both in
// bytes and in objects. A leak passes only if the rest of the heap shrinks in
// proportion twice, by twice as much the second time. Shrinking counts in the same
// way as growing: a heap that shrank a lot shows how much it varies, not that
// nothing leaks.
//
// The rate of a leak is the same in the last rounds. That of noise halves from each
// round to the next, and that of a cache falls to nothing. A cache that fills looks
// like a leak until it is full. Growth is therefore a finding only when the budget
// is exhausted.
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

// steadyGrowth reports whether the rate was above the tolerance and about equal in
// the last four rounds, or in all rounds if there are two or three.
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
