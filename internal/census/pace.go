package census

import "time"

// These bound how often a census is taken. The CPU time of a census is taken to be
// one and a half times its wall time. The surcharge covers the garbage collector,
// running goroutines, which record themselves, and a next census that costs more
// than the last. Measured, the factor is 1.03 to 1.3.
const (
	shortest = time.Minute
	longest  = time.Hour
	share    = 1000 // a census may take 1/1000 of a core
	// guess is what a goroutine costs, used before the first census. It is two to
	// four times what was measured.
	guess = 3 * time.Microsecond
)

// Next returns how long to wait before the next census so that censuses take at
// most 0.1% of a core on average. cost is the wall time of the last one
// ([Reader.Cost]); if it is 0, Next guesses it from the number of goroutines. The
// result is at least a minute and at most an hour. The hour keeps to 0.1% up to
// about two million goroutines.
func Next(cost time.Duration, goroutines int) time.Duration {
	if cost <= 0 {
		cost = time.Duration(goroutines) * guess
	}
	if cost >= longest/share {
		return longest
	}
	return min(max(share*cost*3/2, shortest), longest)
}
