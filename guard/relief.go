package guard

import (
	"context"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/leakguard/leakguard/profile"
)

// Relief is what the guard itself does about pressure. All of it is off unless
// asked for, is the process's business, and so is done by one guard at a time:
// another's episode goes without.
type Relief struct {
	// FreeMemory calls [debug.FreeOSMemory] once when pressure begins: a
	// forced GC, and everything free goes back to the kernel.
	FreeMemory bool
	// MemoryLimit sets the Go runtime's memory limit for as long as pressure
	// lasts, so that garbage does not fill what is left: this share of the
	// limit, between 0 and 1, less what of the memory is not Go's. A lower
	// GOMEMLIMIT stays; so does room of a tenth over what lives, or the
	// runtime would do nothing but collect. The limit of before is restored
	// when pressure is over, and by Close, unless somebody else has set
	// another one meanwhile. Zero: the memory limit is left alone.
	MemoryLimit float64
}

// reliefTurn is held by the guard whose episode has relief.
var reliefTurn sync.Mutex

// relievedFrom is the process's own memory limit while relief has lowered it,
// else 0: the rules' lines are not to move with it.
var relievedFrom atomic.Int64

// ownMemoryLimit is the memory limit of the process itself, given the one that
// the runtime has now.
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

// relieve gives relief until the episode is over.
func (l *loop) relieve(episode context.Context, p *Pressure) {
	if !reliefTurn.TryLock() {
		l.log.Warn("leakguard: no relief: another guard of this process gives it")
		return
	}
	defer reliefTurn.Unlock()
	if share := l.cfg.Relief.MemoryLimit; share > 0 {
		before := debug.SetMemoryLimit(-1)
		if lower := reliefLimit(share, p); lower > 0 && lower < before {
			relievedFrom.Store(before)
			debug.SetMemoryLimit(lower)
			l.log.Info("leakguard: relief: the Go memory limit is lowered until pressure is over", "to", profile.Bytes(lower).String())
			defer func() {
				if now := debug.SetMemoryLimit(before); now != lower {
					debug.SetMemoryLimit(now)
					l.log.Info("leakguard: relief: the Go memory limit was changed by others, and stays", "at", profile.Bytes(now).String())
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

// reliefLimit is the memory limit of relief, or Unknown.
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
