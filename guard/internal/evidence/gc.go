package evidence

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// What one process can do only once at a time, whichever guard asks.
var (
	forcedGC   gcTurn
	cpuProfile sync.Mutex
)

var errForcedGCElsewhere = errors.New("another guard of this process is forcing a GC")

// ProfilingCPU reports whether a CPU profile is being taken.
func ProfilingCPU() bool {
	if cpuProfile.TryLock() {
		cpuProfile.Unlock()
		return false
	}
	return true
}

// gcTurn says which guard forces a GC. One may force several at a time, for a
// baseline and for two captures: the runtime has them share cycles.
type gcTurn struct {
	mu     sync.Mutex
	holder *Taker
	cycles int // that it waits for
}

func (t *gcTurn) take(by *Taker) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != nil && t.holder != by {
		return false
	}
	t.holder = by
	t.cycles++
	return true
}

func (t *gcTurn) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cycles--; t.cycles == 0 {
		t.holder = nil
	}
}

// collect forces a GC cycle, unless another guard is at it, and returns how
// long that took. A heap profile then shows the live heap of that moment.
func (t *Taker) collect() (time.Duration, error) {
	if !forcedGC.take(t) {
		return 0, errForcedGCElsewhere
	}
	defer forcedGC.give()
	start := time.Now()
	runtime.GC()
	return time.Since(start), nil
}

// gcCost predicts how long a forced GC takes from one that was measured.
type gcCost struct {
	took time.Duration
	scan int64 // bytes with pointers that were marked then
}

const (
	// leastGC is for heaps so small that a measurement says nothing.
	leastGC = time.Millisecond
	// gcContention: a cycle was measured in calm times with all cores for
	// itself; against goroutines that allocate it gets a quarter of them and
	// their assists.
	gcContention = 2
	// slowestScan is how many bytes with pointers are marked a second where
	// it is slowest, in small linked objects: 350 MB took 0.2 s.
	slowestScan = 1 << 30
	// hopeless: a GC that does not end in time costs nothing but the CPU of
	// a process that is about to die, and its assists slow the leak down. So
	// it is only left out where the prediction exceeds the time left this
	// many times.
	hopeless = 4
)

func (c gcCost) predict(scan int64) time.Duration {
	scan = max(scan, 0)
	byScan := time.Duration(gcContention * float64(scan) / slowestScan * float64(time.Second))
	if c.took == 0 {
		return leastGC + byScan
	}
	const small = 1 << 20 // below that the ratio is noise
	ratio := float64(max(scan, small)) / float64(max(c.scan, small))
	measured := time.Duration(gcContention * float64(c.took) * max(ratio, 1))
	// What was measured may have been disturbed, by a start-up for instance.
	return leastGC + min(measured, byScan)
}

// admitGC decides whether a forced GC has a chance to end before memory does;
// why says why not. left is how long memory lasts, or negative.
func admitGC(left, predicted time.Duration) (ok bool, why string) {
	if left < 0 || hopeless*left >= predicted {
		return true, ""
	}
	return false, fmt.Sprintf("a forced GC takes about %v, memory is full in %v", predicted.Round(time.Millisecond), left.Round(time.Millisecond))
}
