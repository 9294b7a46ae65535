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
	forcedGC   gcTurn
	cpuProfile sync.Mutex
	// pressureGC is not forcedGC: then evidence would be stale where pressure
	// came first. The runtime has callers of GC share a cycle.
	pressureGC sync.Mutex
)

var errForcedGCElsewhere = errors.New("another guard of this process is forcing a GC")

// gcTurn says which guard forces a GC. One may force several at a time, for a
// baseline and for two captures: the runtime has them share cycles.
type gcTurn struct {
	mu     sync.Mutex
	holder *keeper
	cycles int // that it waits for
}

func (t *gcTurn) take(k *keeper) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != nil && t.holder != k {
		return false
	}
	t.holder = k
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
func (k *keeper) collect() (time.Duration, error) {
	if !forcedGC.take(k) {
		return 0, errForcedGCElsewhere
	}
	defer forcedGC.give()
	start := time.Now()
	runtime.GC()
	return time.Since(start), nil
}

// judgeByGC forces a GC cycle that tells what of memory lives, unless another
// guard is at it.
func judgeByGC() error {
	if !pressureGC.TryLock() {
		return errForcedGCElsewhere
	}
	defer pressureGC.Unlock()
	runtime.GC()
	return nil
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
// why says why not.
func admitGC(headroom int64, rate float64, predicted time.Duration) (ok bool, why string) {
	if headroom < 0 || rate <= 0 {
		return true, ""
	}
	left := lasts(headroom, rate)
	if hopeless*left >= predicted {
		return true, ""
	}
	return false, fmt.Sprintf("a forced GC takes about %v, memory is full in %v", predicted.Round(time.Millisecond), left.Round(time.Millisecond))
}

// held is what a forced GC is asked about: bytes of the Go heap in use, and
// of it and the stacks what lives.
type held struct {
	heap, live int64
}

// suspicion is that what rises is a leak. Its evidence is discarded if it was
// garbage, or is no news.
type suspicion struct {
	before held  // how the heap stood when it arose
	known  int64 // how much live memory earlier evidence shows
}

// judgement is what a forced GC says of a suspicion.
type judgement int

const (
	itLives judgement = iota
	doubtful
	itIsKnown // no more lives than earlier evidence shows
	itIsGarbage
)

func (j judgement) String() string {
	return [...]string{"it lives", "doubtful", "known", "it is garbage"}[j]
}

// judge tells what rose: of garbage, more is gone after a GC than what lives has
// grown. What was allocated during the cycle counts as living whatever it is, so
// where a good deal is gone, but not most, another cycle has to tell. before is
// from the moment of the suspicion, with the lowest live size of the last
// seconds; memory outside the Go heap is never garbage.
func judge(before, after held) judgement {
	grew, gone := max(after.live-before.live, 0), before.heap-after.live
	switch {
	case gone > grew:
		return itIsGarbage
	case gone > grew/4:
		return doubtful
	default:
		return itLives
	}
}

// admitAllocation decides whether a capture may allocate what it is predicted
// to: at most a quarter of the headroom (the guard is not the last straw), and
// half of what the Go heap holds free, which costs the kernel nothing.
func admitAllocation(headroom, free, predicted int64) (ok bool, why string) {
	if headroom < 0 {
		return true, ""
	}
	room := headroom/4 + max(free, 0)/2
	if predicted <= room {
		return true, ""
	}
	return false, fmt.Sprintf("it would allocate about %s, there is room for %s (a quarter of the headroom)", profile.Bytes(predicted), profile.Bytes(room))
}
