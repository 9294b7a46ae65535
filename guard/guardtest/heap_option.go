package guardtest

import (
	"fmt"
	"time"
)

// Tolerance sets the growth in bytes per iteration that [NoHeapGrowth] accepts. The
// default is 1: less than an object of 16 bytes in every 16th iteration. A
// sixteenth of it is the accepted number of objects per iteration. It must be more
// than 0, because a heap always varies a little. A larger tolerance decides sooner
// about a heap that varies a lot.
func Tolerance(bytesPerIteration float64) Option {
	return Option{"Tolerance", forNoHeapGrowth, func(o *options) error {
		if !(bytesPerIteration > 0) {
			return fmt.Errorf("%v bytes per iteration: want more than 0", bytesPerIteration)
		}
		o.heap.tolerance = bytesPerIteration
		return nil
	}}
}

// Budget sets how long [NoHeapGrowth] may take to reach a verdict. The default is 5
// s. Only growth or a slow function takes that long. Finding the line that grows
// takes additional time. It must be more than 0.
func Budget(d time.Duration) Option {
	return Option{"Budget", forNoHeapGrowth, func(o *options) error {
		if d <= 0 {
			return fmt.Errorf("%v: want more than 0", d)
		}
		o.heap.budget = d
		return nil
	}}
}

// Iterations sets how often [NoHeapGrowth] may call the function to reach a
// verdict, at least 256. The default is 1,048,576. A cache that is full after a
// quarter of them passes.
func Iterations(most int) Option {
	return Option{"Iterations", forNoHeapGrowth, func(o *options) error {
		if most < leastMostIterations {
			return fmt.Errorf("%d: want at least %d", most, leastMostIterations)
		}
		o.heap.iterations = int64(most)
		return nil
	}}
}

// leastMostIterations allows two rounds of 64.
const leastMostIterations = 256

// WarmUp sets how often [NoHeapGrowth] calls the function before its first
// measurement. The default is 0. Use it to fill caches that would otherwise look
// like a leak. These calls count towards neither [Budget] nor [Iterations].
func WarmUp(iterations int) Option {
	return Option{"WarmUp", forNoHeapGrowth, func(o *options) error {
		if iterations < 0 {
			return fmt.Errorf("%d: want at least 0", iterations)
		}
		o.heap.warmUp = int64(iterations)
		return nil
	}}
}
