package census

import (
	"iter"
	"math"
	"time"
)

// A history is kept at several resolutions: the last 16 censuses, and the last 16
// windows of 4, 16, 64, 256 and 1024 censuses each. At one census a minute they
// reach back 16 minutes to 11 days. All sites share the windows' boundaries.
// Therefore only the watch stores times, and a site takes at most 1.8 KB.
const (
	levels = 6
	slots  = 16
	// crestOf is the level whose floors make up the crests.
	crestOf = 1
)

// width is the number of censuses in a window of a level.
func width(level int) int { return 1 << (2 * level) }

// window summarises a site's count over some consecutive censuses.
type window struct {
	// floor is the lowest count. Goroutines that come and go raise the count from
	// time to time; those that stay raise its floor.
	floor uint32
	// crest is the highest floor of the level-1 windows within this one: the height
	// at which the count stood for longer than a spike.
	crest uint32
	// up and down are the sums of all rises and falls between censuses: at least that
	// many goroutines came and left.
	up, down uint32
}

// history holds the counts of one site.
type history struct {
	born  int // number of the census it begins at
	last  uint32
	rings [levels]*[slots]window // nil until the first window is complete
	open  [levels]window         // windows that are not complete yet
}

// add records the count of census n. The first call records the census before the
// site was seen, with a count of 0.
func (h *history) add(n int, count uint32) {
	var step window
	if n > h.born {
		if count > h.last {
			step.up = count - h.last
		} else {
			step.down = h.last - count
		}
	}
	h.last = count
	crest := uint32(0) // floor of the level-1 window that this census completes
	for level := range levels {
		o, w := &h.open[level], width(level)
		if n%w == 0 || n == h.born {
			*o = window{floor: count}
		}
		o.floor = min(o.floor, count)
		o.up, o.down = sum(o.up, step.up), sum(o.down, step.down)
		if level == crestOf && (n+1)%w == 0 {
			crest = o.floor
		}
		o.crest = max(o.crest, crest)
		if (n+1)%w != 0 {
			continue
		}
		if h.rings[level] == nil {
			h.rings[level] = new([slots]window)
		}
		h.rings[level][n/w%slots] = *o
	}
}

func sum(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint32
}

// timeline records when the windows began. All sites share it.
type timeline struct {
	n      int // censuses so far
	first  time.Duration
	last   time.Duration
	starts [levels][slots]time.Duration
}

func (t *timeline) add(at time.Duration) {
	if t.n == 0 {
		t.first = at
	}
	t.last = at
	for level := range levels {
		if w := width(level); t.n%w == 0 {
			t.starts[level][t.n/w%slots] = at
		}
	}
	t.n++
}

// complete returns the range of complete windows of a level that h still holds.
func (t *timeline) complete(h *history, level int) (from, to int) {
	w := width(level)
	to = t.n / w
	return max(h.born/w, to-slots), to
}

func (t *timeline) start(level, number int) time.Duration { return t.starts[level][number%slots] }

// back walks a history from its newest window to its oldest. It uses a coarser
// level only where the finer ones do not reach.
func (t *timeline) back(h *history) iter.Seq2[time.Duration, window] {
	return func(yield func(time.Duration, window) bool) {
		oldest := time.Duration(math.MaxInt64)
		for level := range levels {
			from, to := t.complete(h, level)
			for i := to - 1; i >= from; i-- {
				start := t.start(level, i)
				if start >= oldest {
					continue
				}
				oldest = start
				if !yield(start, h.rings[level][i%slots]) {
					return
				}
			}
		}
	}
}

// standing returns how long the count has not been below its current value.
func (t *timeline) standing(h *history) time.Duration {
	since := t.last
	for start, w := range t.back(h) {
		if w.floor < h.last {
			break
		}
		since = start
	}
	return t.last - since
}
