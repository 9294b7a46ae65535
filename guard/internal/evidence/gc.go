package evidence

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
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

// collectFast does the same in less time beside goroutines that allocate without pause.
// [runtime.GC] returns only when all memory is swept, and yields the processor after each
// span. Beside such goroutines each yield costs 10 to 20 ms. The start of another cycle
// sweeps what is left without a yield, so a second call lets the first one return.
func (t *Taker) collectFast() (time.Duration, error) {
	var done atomic.Bool
	go func() {
		// The second call must begin after the first one's cycle, or both share it.
		for range sweepers {
			time.Sleep(time.Millisecond)
			if done.Load() {
				return
			}
			runtime.GC()
		}
	}()
	defer done.Store(true)
	return t.collect()
}

const (
	// sweepers is how many cycles are started at most beside one that has to end soon.
	sweepers = 2
	// cheapScan is how many bytes with pointers a heap may have for that. A second marking
	// of many small linked objects costs more than the sweeping that it saves.
	cheapScan = 16 << 20
)

// hurried reports whether a second cycle is worth its cost.
func (g *gauge) hurried() bool { return g.urgent() && g.scan.Load() <= cheapScan }

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
