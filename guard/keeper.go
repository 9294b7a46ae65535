package guard

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/profile"
)

// keeper takes and keeps the evidence. Whatever touches the disk or takes a profile
// is done by it, and never by the loop.
//
// Nothing stands before evidence: each capture has a goroutine of its own from its
// beginning to its end. What can wait is done by three workers, so that what is
// slow for one reason does not wait for what is slow for another.
type keeper struct {
	log      *slog.Logger
	store    *profile.Store // nil: no disk
	noGC     bool
	leaks    bool // goroutineleak opted in
	cpu      time.Duration
	gauge    *gauge
	counters *counters
	once     *onces
	// folderMade is told of each incident that has evidence in its folder.
	folderMade func(id string)

	captures sync.WaitGroup
	surveys  worker // baselines and censuses
	records  worker // last manifests and reports of this process's incidents
	slow     worker // what earlier processes left

	open openFolders // of this process's incidents
	// folders are those of the deaths that were told; the worker slow owns them.
	folders map[string]*profile.Folder

	stopped chan struct{} // closed when all work is done

	taking atomic.Int32 // captures under way
	// lacksBaseline tells the loop that a baseline was lost.
	lacksBaseline atomic.Bool
	// stacks is held by a survey while it takes the stacks of all goroutines, which
	// the runtime does for one caller at a time.
	stacks  sync.Mutex
	runtime lockedReader
	survey  *surveyor // the worker surveys owns it
}

// newKeeper returns a keeper that keeps the evidence in the store; nil: nowhere.
func newKeeper(cfg *Config, store *profile.Store, module string, c *counters, once *onces) *keeper {
	k := &keeper{
		log: cfg.Logger, store: store, noGC: cfg.NoForcedGC, leaks: cfg.GoroutineLeak, cpu: cfg.CPUProfile,
		gauge: new(gauge), counters: c, once: once,
		stopped: make(chan struct{}),
		runtime: lockedReader{reader: goruntime.NewReader()},
		folders: make(map[string]*profile.Folder), survey: newSurveyor(module),
	}
	k.gauge.headroom.Store(profile.Unknown)
	for _, w := range []*worker{&k.surveys, &k.records, &k.slow} {
		w.guarded = k.guarded
	}
	return k
}

// take takes a capture on a goroutine of its own, and calls done with how it went.
func (k *keeper) take(j captureJob, done func(captureResult)) {
	k.taking.Add(1)
	k.captures.Go(func() {
		res := k.capture(j)
		k.taking.Add(-1)
		done(res)
	})
}

// do queues what may take long and is not about an incident of this process. It
// reports whether there was room.
func (k *keeper) do(f func()) bool { return k.queued(k.slow.do(f)) }

// surveyed queues a baseline or a census.
func (k *keeper) surveyed(f func()) bool { return k.queued(k.surveys.do(f)) }

// recorded queues a report.
func (k *keeper) recorded(f func()) bool { return k.queued(k.records.do(f)) }

func (k *keeper) queued(ok bool) bool {
	if !ok {
		k.counters.droppedJobs.Add(1)
		if k.once.first("jobs") {
			k.log.Warn("leakguard: a baseline, a report or the like was skipped because too many were waiting; further ones are only counted")
		}
	}
	return ok
}

// close gives back what is open. There must be no work left.
func (k *keeper) close() {
	k.open.close()
	for _, f := range k.folders {
		f.Close()
	}
}

// guarded keeps a panic from the host: it is counted and logged once.
func (k *keeper) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			k.counters.panics.Add(1)
			if k.once.first("panic") {
				k.log.Error("leakguard: a panic in the guard was recovered; it goes on, further ones are only counted", "panic", fmt.Sprint(p))
			}
		}
	}()
	f()
}

// lockedReader reads the runtime's metrics for several goroutines.
type lockedReader struct {
	mu     sync.Mutex
	reader *goruntime.Reader
}

func (r *lockedReader) read() (s goruntime.Stat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reader.Read(&s)
	return s
}
