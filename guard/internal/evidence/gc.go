package evidence

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Process-wide resources that all guards of a process share.
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

// gcTurn records which guard is forcing a GC. That guard may force several at a time, for
// a baseline and captures, because the runtime lets them share cycles.
type gcTurn struct {
	mu     sync.Mutex
	holder *Taker
	cycles int // number of forced GCs running
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

// collect forces a GC cycle, unless another guard is forcing one, and returns its
// duration. A heap profile taken afterwards shows the live heap.
func (t *Taker) collect() (time.Duration, error) {
	if !forcedGC.take(t) {
		return 0, errForcedGCElsewhere
	}
	defer forcedGC.give()
	start := time.Now()
	runtime.GC()
	return time.Since(start), nil
}

// gcCost predicts the duration of a forced GC from a measured one.
type gcCost struct {
	took time.Duration
	scan int64 // bytes with pointers that were marked
}

const (
	// leastGC is the minimum prediction. For very small heaps a measurement means
	// nothing.
	leastGC = time.Millisecond
	// gcContention: the measured cycle had all cores in calm times. While goroutines
	// allocate, a cycle gets a quarter of the cores and their assists.
	gcContention = 2
	// slowestScan is how many bytes with pointers are marked per second in the slowest
	// case, small linked objects: 350 MB took 0.2 s.
	slowestScan = 1 << 30
	// hopeless: a GC is skipped only if its prediction exceeds the remaining time by this
	// factor. A GC that does not end in time only costs CPU time of a process that is
	// about to be killed, and its assists slow down the leak.
	hopeless = 4
)

func (c gcCost) predict(scan int64) time.Duration {
	scan = max(scan, 0)
	byScan := time.Duration(gcContention * float64(scan) / slowestScan * float64(time.Second))
	if c.took == 0 {
		return leastGC + byScan
	}
	const small = 1 << 20 // below this the ratio is noise
	ratio := float64(max(scan, small)) / float64(max(c.scan, small))
	measured := time.Duration(gcContention * float64(c.took) * max(ratio, 1))
	// The measured cycle may have been disturbed, for example by the start-up.
	return leastGC + min(measured, byScan)
}

// admitGC decides whether a forced GC may end before memory is full. why says why not.
// left is the time until memory is full, or negative.
func admitGC(left, predicted time.Duration) (ok bool, why string) {
	if left < 0 || hopeless*left >= predicted {
		return true, ""
	}
	return false, fmt.Sprintf("a forced GC takes about %v, but memory is full in %v", predicted.Round(time.Millisecond), left.Round(time.Millisecond))
}
