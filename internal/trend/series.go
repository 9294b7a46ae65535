package trend

import (
	"math"
	"time"
)

// Resolution describes one tier of a history, which keeps the lowest sample of each
// bin.
type Resolution struct {
	Bin  time.Duration // width of a bin, such as a minute
	Bins int           // how many bins are kept
}

// Standard returns the default resolution of a series: bins of a minute for 6
// hours, 10 minutes for 3.5 days and an hour for 28 days. A full series takes 13
// KB.
func Standard() []Resolution {
	return []Resolution{{time.Minute, 6 * 60}, {10 * time.Minute, 84 * 6}, {time.Hour, 28 * 24}}
}

// Compact returns a resolution for many series at once, such as one for each site
// where goroutines wait: bins of 10 minutes for 3.5 days. A full series takes 4 KB.
func Compact() []Resolution {
	return []Resolution{{10 * time.Minute, 84 * 6}}
}

// Series is the history of one quantity in bounded memory. It keeps the lowest
// sample of each bin of time, its floor: a leak raises the floor, while load raises
// only what is above it. The zero Series is ready to use and has the [Standard]
// resolution. Its memory grows with the history.
//
// A Series must be used by one goroutine at a time.
type Series struct {
	tiers       []tier
	first, last time.Duration
	started     bool
}

// Point is the floor of a bin.
type Point struct {
	At    time.Duration // when the bin begins
	Floor float64
}

// New returns a series with the given tiers, finest first. Without any it has the
// [Standard] ones. New ignores a tier whose Bin or Bins is not positive.
// [Series.Judge] uses the tiers whose bins divide its blocks of time, such as those
// of [Standard] and [Compact].
func New(tiers ...Resolution) *Series {
	s := new(Series)
	s.configure(tiers)
	return s
}

func (s *Series) configure(tiers []Resolution) {
	for _, r := range tiers {
		if r.Bin > 0 && r.Bins > 0 {
			s.tiers = append(s.tiers, tier{bin: r.Bin, limit: r.Bins})
		}
	}
	if len(s.tiers) == 0 {
		s.configure(Standard())
	}
}

// largest keeps the squares of values finite.
const largest = 1e100

// Add adds a sample. at is the time since some fixed moment, such as the start of
// the process, on a monotonic clock. Add ignores a value that is negative
// (unknown), not a number or above 1e100, and a time that is negative or earlier
// than the last sample's. A gap, such as a machine's sleep, remains a gap.
func (s *Series) Add(at time.Duration, v float64) {
	if !(v >= 0 && v <= largest) || at < 0 || s.started && at < s.last {
		return
	}
	if !s.started {
		if len(s.tiers) == 0 {
			s.configure(nil)
		}
		s.first, s.started = at, true
	}
	s.last = at
	for i := range s.tiers {
		s.tiers[i].add(at, v)
	}
}

// Points returns the history for a chart, oldest first. Each stretch of time has
// the finest resolution that still covers it. Gaps have no points.
func (s *Series) Points() []Point {
	var parts [][]Point
	until := int64(math.MaxInt64) // coarser tiers only fill in what is older
	for i := range s.tiers {
		t := &s.tiers[i]
		var part []Point
		for bin := t.oldest(); bin <= t.newest; bin++ {
			at := bin * int64(t.bin)
			// Leave out a bin that overlaps the finer tier, unless it is the only one.
			if at+int64(t.bin) > until && until != math.MaxInt64 {
				break
			}
			if v := t.floor(bin); !math.IsNaN(v) {
				part = append(part, Point{At: time.Duration(at), Floor: v})
			}
		}
		parts = append(parts, part)
		if len(t.floors) > 0 {
			until = min(until, t.oldest()*int64(t.bin))
		}
	}
	var all []Point
	for i := len(parts) - 1; i >= 0; i-- {
		all = append(all, parts[i]...)
	}
	return all
}

// tier is a ring of floors. A bin's slot is its number relative to base, so that
// the ring can grow by append until it reaches its limit.
type tier struct {
	bin    time.Duration
	limit  int
	base   int64 // number of the bin in floors[0] before the ring wrapped
	newest int64
	floors []float64 // NaN for a bin without a sample
}

func (t *tier) add(at time.Duration, v float64) {
	bin := int64(at / t.bin)
	switch {
	case len(t.floors) == 0 || bin-t.newest >= int64(t.limit):
		t.base, t.newest = bin, bin
		t.floors = append(t.floors[:0], v)
		return
	case bin == t.newest:
		slot := t.slot(bin)
		t.floors[slot] = min(t.floors[slot], v)
		return
	}
	for t.newest < bin {
		t.newest++
		x := math.NaN()
		if t.newest == bin {
			x = v
		}
		if len(t.floors) < t.limit {
			t.floors = append(t.floors, x)
		} else {
			t.floors[t.slot(t.newest)] = x
		}
	}
}

func (t *tier) slot(bin int64) int { return int((bin - t.base) % int64(t.limit)) }

// oldest returns the number of the oldest bin kept, or newest+1 if there is none.
func (t *tier) oldest() int64 { return t.newest - int64(len(t.floors)) + 1 }

// floor returns the floor of a bin, or NaN if it is unknown.
func (t *tier) floor(bin int64) float64 {
	if bin > t.newest || bin < t.oldest() {
		return math.NaN()
	}
	return t.floors[t.slot(bin)]
}
