package trend

import (
	"math"
	"time"
)

// points are the floors of a stretch of time, in blocks of equal width. Blocks
// without a sample have no point.
type points struct {
	width   float64   // of a block, hours
	from    float64   // where the first block begins, hours on the clock of Add
	blocks  int       // including those without a sample
	t       []float64 // where a block begins, in hours after from
	v       []float64
	scratch []float64
}

// span returns the length of the stretch in hours.
func (p *points) span() float64 { return p.width * float64(p.blocks) }

// latest fills p with the floors of the given number of blocks of the given width,
// up to the last complete bin. ok is false if the history does not reach back that
// far, or if more than three in ten blocks have no sample.
func (s *Series) latest(p *points, width time.Duration, blocks int) (ok bool) {
	for i := range s.tiers {
		t := &s.tiers[i]
		per := int64(width / t.bin)
		if per < 1 || width%t.bin != 0 {
			return false // coarser tiers have even wider bins
		}
		first := t.newest - per*int64(blocks)
		if len(t.floors) == 0 || first < t.oldest() {
			continue
		}
		p.width = width.Hours()
		p.from = (time.Duration(first) * t.bin).Hours()
		p.blocks = blocks
		p.t, p.v = p.t[:0], p.v[:0]
		for b := range blocks {
			floor := math.NaN()
			for k := range per {
				if v := t.floor(first + int64(b)*per + k); !(v >= floor) {
					if !math.IsNaN(v) {
						floor = v
					}
				}
			}
			if !math.IsNaN(floor) {
				p.t = append(p.t, float64(b)*p.width)
				p.v = append(p.v, floor)
			}
		}
		return len(p.v)*10 >= blocks*7 && len(p.v) >= 8
	}
	return false
}

// available returns how many complete blocks of the given width the history has.
func (s *Series) available(width time.Duration) int {
	n := 0
	for i := range s.tiers {
		t := &s.tiers[i]
		per := int64(width / t.bin)
		if per < 1 || width%t.bin != 0 {
			break
		}
		n = max(n, int((t.newest-t.oldest())/per))
	}
	return n
}

// quarters returns how much the low floors rose from each quarter of the stretch to
// the next. A low floor is the 15% quantile of a quarter's floors: the very lowest
// may be an outage. ok is false if a quarter has too few floors.
func (p *points) quarters() (rise [3]float64, ok bool) {
	var low [4]float64
	k := 0
	for q := range low {
		until := p.span() * float64(q+1) / 4
		p.scratch = p.scratch[:0]
		for ; k < len(p.t) && p.t[k] < until; k++ {
			p.scratch = append(p.scratch, p.v[k])
		}
		if len(p.scratch)*8 < p.blocks || len(p.scratch) == 0 {
			return rise, false
		}
		low[q] = quantile(p.scratch, 0.15)
	}
	for i := range rise {
		rise[i] = low[i+1] - low[i]
	}
	return rise, true
}

// byBlock returns the floors by block number, NaN for blocks without a sample.
func (p *points) byBlock() []float64 {
	v := make([]float64, p.blocks)
	for b := range v {
		v[b] = math.NaN()
	}
	for i, t := range p.t {
		v[int(t/p.width+0.5)] = p.v[i]
	}
	return v
}
