package guard

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// What one process can do only once at a time, whichever guard asks.
var (
	forcedGC   sync.Mutex
	cpuProfile sync.Mutex
)

var errForcedGCElsewhere = errors.New("another guard of this process is forcing a GC")

// collect forces a GC cycle, unless another guard is at it, and returns how
// long that took. A heap profile then shows the live heap of that moment.
func collect() (time.Duration, error) {
	if !forcedGC.TryLock() {
		return 0, errForcedGCElsewhere
	}
	defer forcedGC.Unlock()
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
	leastGC = 2 * time.Millisecond
	// gcContention: a cycle was measured in calm times with all cores for
	// itself; against goroutines that allocate it gets a quarter of them and
	// their assists.
	gcContention = 2
	// unmeasuredScan is bytes marked per second where nothing was measured
	// yet: small linked objects, the slowest there are.
	unmeasuredScan = 1 << 30
)

func (c gcCost) predict(scan int64) time.Duration {
	scan = max(scan, 0)
	if c.took == 0 {
		return leastGC + time.Duration(gcContention*float64(scan)/unmeasuredScan*float64(time.Second))
	}
	const small = 1 << 20 // below that the ratio is noise
	ratio := float64(max(scan, small)) / float64(max(c.scan, small))
	return leastGC + time.Duration(gcContention*float64(c.took)*max(ratio, 1))
}

// admitGC decides whether a forced GC would end before memory does; why says
// why not.
func admitGC(headroom int64, rate float64, predicted time.Duration) (ok bool, why string) {
	if headroom < 0 || rate <= 0 {
		return true, ""
	}
	left := time.Duration(min(float64(headroom)/rate, 1e6) * float64(time.Second))
	if left > predicted {
		return true, ""
	}
	return false, fmt.Sprintf("a forced GC takes about %v, memory is full in %v", predicted.Round(time.Millisecond), left.Round(time.Millisecond))
}

// admitAllocation decides whether a capture may allocate what it is predicted
// to: at most a quarter of the headroom (the guard is not the last straw).
func admitAllocation(headroom, predicted int64) (ok bool, why string) {
	if headroom < 0 || predicted <= headroom/4 {
		return true, ""
	}
	return false, fmt.Sprintf("it would allocate about %s, a quarter of the headroom is %s", profile.Bytes(predicted), profile.Bytes(headroom/4))
}
