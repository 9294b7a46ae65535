package guard

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// gauge is what the loop tells those who take evidence about now, in one word each.
type gauge struct {
	headroom   atomic.Int64  // bytes, or profile.Unknown
	rate       atomic.Uint64 // math.Float64bits, bytes per second
	goroutines atomic.Int64
	scan       atomic.Int64
	buckets    atomic.Int64

	// What a forced GC took when one was measured last, by a baseline.
	gcTook, gcScan atomic.Int64
}

func (g *gauge) set(v *view, r *profile.Reading) {
	g.headroom.Store(v.headroom)
	rate, _ := v.growth.rate()
	g.rate.Store(math.Float64bits(rate))
	g.goroutines.Store(int64(r.Goroutines))
	g.scan.Store(int64(r.ScanHeap))
	g.buckets.Store(int64(r.BuckHashSys))
}

// reading is as much of one as predictions need.
func (g *gauge) reading() *profile.Reading {
	r := profile.NewReading(time.Time{})
	r.Goroutines = profile.Count(g.goroutines.Load())
	r.BuckHashSys = profile.Bytes(g.buckets.Load())
	return &r
}

// gcTime predicts what a forced GC takes now.
func (g *gauge) gcTime() time.Duration {
	c := gcCost{took: time.Duration(g.gcTook.Load()), scan: g.gcScan.Load()}
	return c.predict(g.scan.Load())
}

func (g *gauge) currentRate() float64 { return math.Float64frombits(g.rate.Load()) }

// urgent reports whether memory is full within a second at the present rate:
// then whatever is not decisive is left.
func (g *gauge) urgent() bool {
	headroom, rate := g.headroom.Load(), g.currentRate()
	return headroom >= 0 && rate > 0 && float64(headroom) < rate
}
