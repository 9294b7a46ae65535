package trend

import (
	"math"
	"time"
)

// Resolution is one tier of a history: it keeps the lowest sample of each bin.
type Resolution struct {
	Bin  time.Duration // width of a bin, such as a minute
	Bins int           // how many are kept
}

// Standard is the resolution of a series unless [New] is told otherwise: a
// minute for 6 hours, 10 minutes for 3.5 days and an hour for 28 days. Full,
// it takes 13 KB.
func Standard() []Resolution {
	return []Resolution{{time.Minute, 6 * 60}, {10 * time.Minute, 84 * 6}, {time.Hour, 28 * 24}}
}

// Compact is a resolution for many series at once, such as one for each site
// where goroutines wait: 10 minutes for 3.5 days, and nothing older. Full, it
// takes 4 KB.
func Compact() []Resolution {
	return []Resolution{{10 * time.Minute, 84 * 6}}
}

// Series is the history of one quantity, in bounded memory: of each bin of time
// it keeps the lowest sample, the floor, because what leaks raises the floor
// while load only raises what is above it. The zero Series is ready to use and
// has the [Standard] resolution. Memory is taken as the history grows.
//
// A Series is for one goroutine at a time.
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

// New returns a series with the given tiers, from the finest to the coarsest;
// without any it is the [Standard] one. A tier whose bin or number is not
// positive is left out. [Series.Judge] uses those whose bins divide its blocks of time,
// as the ones of [Standard] and [Compact] do.
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

// Add takes a sample, with the time since some fixed moment, such as the start
// of the process on the monotonic clock. What cannot be a sample is ignored: a
// value that is negative (unknown), not a number or above 1e100, and a time that
// is negative or before that of the last sample. A gap, as of a machine that slept, stays a gap.
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

// Points returns what is known for a chart, oldest first: each stretch of time
// in the finest resolution that still has it. Gaps have no points.
func (s *Series) Points() []Point {
	var parts [][]Point
	until := int64(math.MaxInt64) // coarser tiers only tell what is older
	for i := range s.tiers {
		t := &s.tiers[i]
		var part []Point
		for bin := t.oldest(); bin <= t.newest; bin++ {
			at := bin * int64(t.bin)
			// A bin that reaches into the finer tier is left out unless it
			// is all there is.
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

// tier is a ring of floors. Slots are found by the number of the bin counted
// from base, so that it can grow by append until it has its limit.
type tier struct {
	bin    time.Duration
	limit  int
	base   int64 // number of the bin in floors[0] before the ring wrapped
	newest int64
	floors []float64 // NaN where nothing was sampled
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

// oldest is the oldest bin that is kept, newest+1 where there is none.
func (t *tier) oldest() int64 { return t.newest - int64(len(t.floors)) + 1 }

// floor is the floor of a bin, NaN where it is not known.
func (t *tier) floor(bin int64) float64 {
	if bin > t.newest || bin < t.oldest() {
		return math.NaN()
	}
	return t.floors[t.slot(bin)]
}
