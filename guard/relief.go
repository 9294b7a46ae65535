package guard

import (
	"context"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/leakguard/leakguard/profile"
)

// Relief is what the guard itself does under pressure. Its effects are process-wide,
// so only one guard of a process gives relief at a time. The zero Relief does nothing.
type Relief struct {
	// FreeMemory calls [debug.FreeOSMemory] once when an episode begins. That forces
	// a GC and returns free memory to the kernel.
	FreeMemory bool
	// MemoryLimit lowers the Go runtime's memory limit during an episode, so that
	// garbage does not fill the remaining memory. The new limit is this share of the
	// memory limit, more than 0 and at most 1, less the memory that Go does not
	// manage. 10% above the live heap is always left, because the runtime would
	// otherwise collect all the time. A lower GOMEMLIMIT stays. The old limit is
	// restored when the episode ends and by Close, unless the program has changed it
	// meanwhile. Zero: the runtime's limit is not changed.
	MemoryLimit float64
}

// reliefTurn is held by the guard that gives relief.
var reliefTurn sync.Mutex

// relievedFrom is the process's own memory limit while relief has lowered it, else
// 0. The lines of the rules must not move with the lowered limit.
var relievedFrom atomic.Int64

// ownMemoryLimit returns the process's own memory limit, given the runtime's present
// one.
func ownMemoryLimit(now int64) int64 {
	switch own := relievedFrom.Load(); own {
	case 0:
		return now
	case math.MaxInt64:
		return profile.Unknown
	default:
		return own
	}
}

// relieve gives relief until the episode ends.
func (l *loop) relieve(episode context.Context, p *Pressure) {
	if !reliefTurn.TryLock() {
		l.log.Warn("leakguard: no relief, because another guard of this process is giving it")
		return
	}
	defer reliefTurn.Unlock()
	if share := l.cfg.Relief.MemoryLimit; share > 0 {
		before := debug.SetMemoryLimit(-1)
		if lower := reliefLimit(share, p); lower > 0 && lower < before {
			relievedFrom.Store(before)
			debug.SetMemoryLimit(lower)
			l.log.Info("leakguard: relief: the Go memory limit is lowered until pressure ends", "to", profile.Bytes(lower).String())
			defer func() {
				if now := debug.SetMemoryLimit(before); now != lower {
					debug.SetMemoryLimit(now)
					l.log.Info("leakguard: relief: the program has changed the Go memory limit; it is not restored", "at", profile.Bytes(now).String())
				}
				relievedFrom.Store(0)
			}()
		}
	}
	if l.cfg.Relief.FreeMemory {
		debug.FreeOSMemory()
	}
	<-episode.Done()
}

// reliefLimit returns the memory limit for relief, or Unknown.
func reliefLimit(share float64, p *Pressure) int64 {
	r := &p.Reading
	if !r.Sys.Known() || !r.HeapReleased.Known() || !r.HeapLive.Known() || !r.Unreclaimable.Known() {
		return profile.Unknown
	}
	held := r.Sys - r.HeapReleased // what the runtime counts against its limit
	others := max(r.Unreclaimable-held, 0)
	limit := int64(share*float64(p.Limit)) - int64(others)
	overhead := held - r.HeapInuse - max(r.HeapIdle-r.HeapReleased, 0)
	return max(limit, int64(1.1*float64(r.HeapLive+max(overhead, 0))))
}
