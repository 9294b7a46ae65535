package evidence

import (
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// State is how the process stands, as far as the evidence depends on it.
type State struct {
	// Headroom is how many bytes are left until the kernel kills, or
	// profile.Unknown; Left is how long they last at the present rate, negative
	// where memory does not grow or nobody knows.
	Headroom int64
	Left     time.Duration
	// Goroutines, ScanHeap and BuckHashSys are the last reading's.
	Goroutines            profile.Count
	ScanHeap, BuckHashSys profile.Bytes
}

// gauge is the last State, for several goroutines, a word each.
type gauge struct {
	headroom, left            atomic.Int64
	goroutines, scan, buckets atomic.Int64

	// What a forced GC took when one was measured last, by a baseline.
	gcTook, gcScan atomic.Int64
}

// Stands says how the process stands now.
func (t *Taker) Stands(s State) {
	g := &t.gauge
	g.headroom.Store(s.Headroom)
	g.left.Store(int64(s.Left))
	g.goroutines.Store(int64(s.Goroutines))
	g.scan.Store(int64(s.ScanHeap))
	g.buckets.Store(int64(s.BuckHashSys))
}

// GCTime predicts what a forced GC takes now.
func (t *Taker) GCTime() time.Duration {
	c := gcCost{took: time.Duration(t.gauge.gcTook.Load()), scan: t.gauge.gcScan.Load()}
	return c.predict(t.gauge.scan.Load())
}

// reading is as much of one as predictions need.
func (g *gauge) reading() *incident.Reading {
	r := incident.NewReading(time.Time{})
	r.Goroutines = profile.Count(g.goroutines.Load())
	r.BuckHashSys = profile.Bytes(g.buckets.Load())
	return &r
}

// urgent reports whether memory is full within a second at the present rate:
// then whatever is not decisive is left.
func (g *gauge) urgent() bool {
	left := time.Duration(g.left.Load())
	return left >= 0 && left < time.Second
}
