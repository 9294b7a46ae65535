package guard

import (
	"errors"
	"runtime"
	"sync"
)

// pressureGC is held while a guard of this process forces a GC that tells whether
// there is pressure. It is not that of evidence, which would be stale where pressure
// came first. The runtime has callers of GC share a cycle.
var pressureGC sync.Mutex

var errForcedGCElsewhere = errors.New("another guard of this process is forcing a GC")

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
