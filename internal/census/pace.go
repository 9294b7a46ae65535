package census

import "time"

// How often a census is taken. CPU time is what its own goroutine took by the
// clock and half of it more, for the garbage collector, for the goroutines that
// record themselves as they run, and because the next one may cost more than the
// last: measured, it is 1.03 to 1.3 times as much.
const (
	shortest = time.Minute
	longest  = time.Hour
	share    = 1000 // of a core that a census may take: a 1000th
	// guess is what a goroutine costs before the first census has told, two to
	// four times what is measured.
	guess = 3 * time.Microsecond
)

// Next returns after how long to take another census, when the last one took
// cost by the wall clock ([Reader.Cost]): so that on average they take at most
// 0.1% of a core; at least a minute, and at most an hour, which is the share's
// limit up to about two million goroutines. A cost of 0 is guessed from the number of goroutines.
func Next(cost time.Duration, goroutines int) time.Duration {
	if cost <= 0 {
		cost = time.Duration(goroutines) * guess
	}
	if cost >= longest/share {
		return longest
	}
	return min(max(share*cost*3/2, shortest), longest)
}
