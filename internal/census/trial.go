package census

import (
	"math"
	"time"
)

// What it takes to be called a leak. The lines are set between two shapes that
// look alike for a while: a leak, and a pool, cache or fleet of connections that
// fills. The second ends, slows down, or has members that leave.
const (
	// minRises is how many windows must have a higher floor than the one
	// before: what fills up in a few steps, such as subsystems that start, has
	// fewer.
	minRises = 6
	// maxTurnover is the part of those that came that may have left. Healthy
	// goroutines that live for 10 hours while their number rises tenfold
	// within 6 still show 0.2.
	maxTurnover = 0.05
	// lastThird is the part of the growth that its last third of the time must
	// bring, where an even growth brings 0.33. What fills exponentially falls
	// below it after 0.85 time constants.
	lastThird = 0.25
	// lastThirdMost is what it may bring at most: more is a burst that begins.
	lastThirdMost = 0.67
	// firstThird is the same for the first third of a growth over a day.
	firstThird = 0.15
	// warmUp is how long after the first census a growth that then begins gets
	// more time, as clients come back and pools fill after a deploy.
	warmUp     = 10 * time.Minute
	warmUpSpan = 30 * time.Minute
	// longSpan is more than the rising part of a day: what rises all through it
	// leaks, though others come and leave at the same place.
	longSpan = 16 * time.Hour
	// day is how far back a higher count says that its goroutines leave again.
	day = 36 * time.Hour
)

// minSpan is how long a growth must last at least to be called a leak.
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

// trial is a look at the last windows of one level.
type trial struct {
	level, windows int
	begin          time.Duration
	span           time.Duration // from the beginning of the first to that of the last window
	from, to       uint32        // their floors
	rises, falls   int           // of the floor, window by window
	biggest        uint32        // rise
	early, late    uint32        // growth in the first and the last third
	up, down       uint64        // goroutines that came and left, at least
}

// look tries the last n complete windows of a level.
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

// more is by how much a count has grown.
func more(from, to uint32) uint32 { return max(from, to) - from }

func (tr trial) grown() uint32 { return more(tr.from, tr.to) }

// rising reports whether the floor keeps rising: in many steps, hardly ever
// falling, not by one jump, and neither slower nor much faster at the end.
func (tr trial) rising() bool {
	g := float64(tr.grown())
	least := 0.4
	if tr.span < 2*time.Hour {
		least = 0.6 // a pool that keeps its busiest hour's size rises often in its first one
	}
	return g > 0 && tr.rises >= minRises && float64(tr.rises) >= least*float64(tr.windows-1) && 8*tr.falls <= tr.rises &&
		float64(tr.biggest) <= g/2 && float64(tr.late) >= lastThird*g && float64(tr.late) <= lastThirdMost*g
}

// turnover is which part of those that came has left, at least.
func (tr trial) turnover() float64 {
	if tr.up == 0 {
		return 0
	}
	return float64(tr.down) / float64(tr.up)
}

// long reports a growth that outlasts a day's rise, is even (the rise of a day
// after a quiet night is not), and is far beyond the noise of goroutines that
// come and go at random, which is the root of their number.
func (tr trial) long() bool {
	g := float64(tr.grown())
	return tr.span >= longSpan && tr.rises >= 10 && 5*tr.rises >= 4*(tr.windows-1) &&
		float64(tr.early) >= firstThird*g && g >= 4*math.Sqrt(float64(tr.to))
}
