package evidence

import (
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// State is the part of the process's state that captures depend on.
type State struct {
	// Headroom is the number of bytes left until the kernel kills, or
	// profile.Unknown. Left is how long they last at the present rate; negative if
	// memory does not grow or that is unknown.
	Headroom int64
	Left     time.Duration
	// Goroutines, ScanHeap and BuckHashSys are the last reading's.
	Goroutines            profile.Count
	ScanHeap, BuckHashSys profile.Bytes
}

// gauge is the last State. Each value is atomic by itself.
type gauge struct {
	headroom, left            atomic.Int64
	goroutines, scan, buckets atomic.Int64

	// depth is the mean length of the stacks in the last census, in hundredths of a frame; 0:
	// not known.
	depth atomic.Int64

	// The duration of the last forced GC of a baseline, and the bytes that it scanned.
	gcTook, gcScan atomic.Int64
}

// Stands sets the present state of the process.
func (t *Taker) Stands(s State) {
	g := &t.gauge
	g.headroom.Store(s.Headroom)
	g.left.Store(int64(s.Left))
	g.goroutines.Store(int64(s.Goroutines))
	g.scan.Store(int64(s.ScanHeap))
	g.buckets.Store(int64(s.BuckHashSys))
}

// GCTime predicts the duration of a forced GC now.
func (t *Taker) GCTime() time.Duration {
	c := gcCost{took: time.Duration(t.gauge.gcTook.Load()), scan: t.gauge.gcScan.Load()}
	return c.predict(t.gauge.scan.Load())
}

// reading returns a reading with the values that predictions need.
func (g *gauge) reading() *incident.Reading {
	r := incident.NewReading(time.Time{})
	r.Goroutines = profile.Count(g.goroutines.Load())
	r.BuckHashSys = profile.Bytes(g.buckets.Load())
	return &r
}

// urgent reports whether memory is full within a second at the present rate. Everything
// that is not essential is skipped then.
func (g *gauge) urgent() bool {
	left := time.Duration(g.left.Load())
	return left >= 0 && left < time.Second
}
