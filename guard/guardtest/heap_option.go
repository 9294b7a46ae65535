package guardtest

import (
	"fmt"
	"time"
)

// Tolerance is the growth in bytes per iteration that passes for none, 1 where it
// is not given: an object of 16 bytes in every 16th iteration. A sixteenth of it is
// the number of objects per iteration that pass. It must be more than 0, as a heap
// always varies a little; what varies much is decided sooner with a larger one.
func Tolerance(bytesPerIteration float64) Option {
	return Option{"Tolerance", forNoHeapGrowth, func(o *options) error {
		if !(bytesPerIteration > 0) {
			return fmt.Errorf("%v bytes per iteration: it must be more than 0", bytesPerIteration)
		}
		o.heap.tolerance = bytesPerIteration
		return nil
	}}
}

// Budget is how long [NoHeapGrowth] may take to come to a verdict, about 5 s where it
// is not given. Only growth, or a slow function, takes that long; naming the line
// that grows comes on top.
func Budget(d time.Duration) Option {
	return Option{"Budget", forNoHeapGrowth, func(o *options) error {
		if d <= 0 {
			return fmt.Errorf("%v: it must be more than 0", d)
		}
		o.heap.budget = d
		return nil
	}}
}

// Iterations is how often [NoHeapGrowth] calls the function at most to come to a
// verdict, 1,048,576 times where it is not given. A cache that is full after a
// quarter of them passes.
func Iterations(most int) Option {
	return Option{"Iterations", forNoHeapGrowth, func(o *options) error {
		if most < leastMostIterations {
			return fmt.Errorf("%d: it takes %d at least", most, leastMostIterations)
		}
		o.heap.iterations = int64(most)
		return nil
	}}
}

// leastMostIterations make two rounds of 64.
const leastMostIterations = 256

// WarmUp is how often [NoHeapGrowth] calls the function before it measures for the
// first time, none where it is not given: enough to fill the caches that would
// be taken for a leak. They count for neither [Budget] nor [Iterations].
func WarmUp(iterations int) Option {
	return Option{"WarmUp", forNoHeapGrowth, func(o *options) error {
		if iterations < 0 {
			return fmt.Errorf("%d is negative", iterations)
		}
		o.heap.warmUp = int64(iterations)
		return nil
	}}
}
