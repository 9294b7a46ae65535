package guard

import (
	"errors"
	"runtime"
	"sync"
)

// pressureGC is held while a guard of this process forces a GC to judge pressure.
// Captures use another lock: their heap profile must not be skipped because of this
// one. The runtime lets concurrent callers of GC share a cycle.
var pressureGC sync.Mutex

var errForcedGCElsewhere = errors.New("another guard of this process is forcing a GC")

// judgeByGC forces a GC cycle, unless another guard is doing so.
func judgeByGC() error {
	if !pressureGC.TryLock() {
		return errForcedGCElsewhere
	}
	defer pressureGC.Unlock()
	runtime.GC()
	return nil
}
