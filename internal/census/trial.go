package census

import (
	"math"
	"time"
)

// The thresholds for calling a rise a leak. They separate two shapes that look
// alike for a while: a leak, and a pool, cache or fleet of connections that fills
// up. The second stops, slows down, or has members that leave.
const (
	// minRises is how many windows must have a higher floor than the one before.
	// Something that fills in a few steps, such as subsystems starting up, has fewer.
	minRises = 6
	// maxTurnover is the share of those that came that may have left. Healthy
	// goroutines that live for 10 hours while their number rises tenfold within 6
	// hours still show 0.2.
	maxTurnover = 0.05
	// lastThird is the share of the growth that must fall in the last third of the
	// time. An even growth has 0.33 there. Exponential filling falls below the
	// threshold after 0.85 time constants.
	lastThird = 0.25
	// lastThirdMost is the largest share allowed there. More is the start of a burst.
	lastThirdMost = 0.67
	// firstThird is the smallest share in the first third, for growth over a day.
	firstThird = 0.15
	// warmUp is how long after the first census a growth may begin and be given
	// warmUpSpan before it counts: clients reconnect and pools fill after a deploy.
	warmUp     = 10 * time.Minute
	warmUpSpan = 30 * time.Minute
	// longSpan is longer than the rising part of a day. A site that rises all through
	// it leaks, even if other goroutines come and go at the same place.
	longSpan = 16 * time.Hour
	// day is how far back an earlier high count is taken as a sign that goroutines
	// leave again.
	day = 36 * time.Hour
)

// minSpan is how long a growth of this size must last to be called a leak.
func minSpan(grown uint32) time.Duration {
	switch {
	case grown >= 1000:
		return 15 * time.Minute
	case grown >= 30:
		return 50 * time.Minute
	case grown >= 12:
		return 2 * time.Hour
	}
	return 8 * time.Hour
}

// trial is an analysis of the last windows of one level.
type trial struct {
	level, windows int
	begin          time.Duration
	span           time.Duration // from the beginning of the first window to that of the last
	from, to       uint32        // floors of the first and the last window
	rises, falls   int           // of the floor, from window to window
	biggest        uint32        // largest single rise
	early, late    uint32        // growth in the first and in the last third
	up, down       uint64        // goroutines that came and left, at least
}

// look analyses the last n complete windows of a level. It reports false if there
// are fewer.
func (t *timeline) look(h *history, level, n int) (trial, bool) {
	first, end := t.complete(h, level)
	if end-first < n {
		return trial{}, false
	}
	first = end - n
	ring := h.rings[level]
	at := func(i int) window { return ring[i%slots] }
	tr := trial{
		level: level, windows: n,
		begin: t.start(level, first),
		span:  t.start(level, end-1) - t.start(level, first),
		from:  at(first).floor, to: at(end - 1).floor,
	}
	for i := first + 1; i < end; i++ {
		before, now := at(i-1).floor, at(i).floor
		switch {
		case now > before:
			tr.rises++
			tr.biggest = max(tr.biggest, now-before)
		case now < before:
			tr.falls++
		}
		tr.up += uint64(at(i).up)
		tr.down += uint64(at(i).down)
	}
	third := (n - 1) / 3
	tr.early = more(at(first).floor, at(first+third).floor)
	tr.late = more(at(end-1-third).floor, tr.to)
	return tr, true
}

// more returns by how much a count has grown.
func more(from, to uint32) uint32 { return max(from, to) - from }

func (tr trial) grown() uint32 { return more(tr.from, tr.to) }

// rising reports whether the floor keeps rising: in many steps, rarely falling, not
// in one jump, and neither slower nor much faster at the end.
func (tr trial) rising() bool {
	g := float64(tr.grown())
	least := 0.4
	if tr.span < 2*time.Hour {
		least = 0.6 // in its first hours, a pool that keeps its peak size rises often
	}
	return g > 0 && tr.rises >= minRises && float64(tr.rises) >= least*float64(tr.windows-1) && 8*tr.falls <= tr.rises &&
		float64(tr.biggest) <= g/2 && float64(tr.late) >= lastThird*g && float64(tr.late) <= lastThirdMost*g
}

// turnover returns the share of those that came that have left, at least.
func (tr trial) turnover() float64 {
	if tr.up == 0 {
		return 0
	}
	return float64(tr.down) / float64(tr.up)
}

// long reports whether the growth outlasts a day's rise, is even, and is far beyond
// the noise of goroutines that come and go at random, which is the square root of
// their number. The rise of a day after a quiet night is not even.
func (tr trial) long() bool {
	g := float64(tr.grown())
	return tr.span >= longSpan && tr.rises >= 10 && 5*tr.rises >= 4*(tr.windows-1) &&
		float64(tr.early) >= firstThird*g && g >= 4*math.Sqrt(float64(tr.to))
}
