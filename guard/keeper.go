package guard

import (
	"log/slog"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile/incident"
)

// keeper does all work that uses the disk or takes a profile, so that the loop never
// does.
//
// Evidence comes first: each capture has its own goroutine. Work that can wait is done
// by three workers, so that one kind of slow work does not wait for another.
type keeper struct {
	*evidence.Taker
	log      *slog.Logger
	store    *store.Store // nil: no disk
	counters *counters
	once     *onces
	// folderMade is called when an incident gets a folder.
	folderMade func(id string)

	surveys worker // baselines and censuses
	records worker // last manifests and reports of this process's incidents
	slow    worker // work on earlier processes' incidents
	// folders are the open folders of reported deaths. The worker slow owns them.
	folders map[string]*store.Folder
	told    []string      // the IDs of folders, oldest first
	stopped chan struct{} // closed when all work is done
}

// newKeeper returns a keeper that saves evidence in kept, which is nil if there is no
// disk.
func newKeeper(cfg *Config, kept *store.Store, module string, c *counters, once *onces) *keeper {
	k := &keeper{
		log: cfg.Logger, store: kept, counters: c, once: once, folderMade: func(string) {},
		folders: make(map[string]*store.Folder), stopped: make(chan struct{}),
	}
	k.Taker = evidence.NewTaker(evidence.Config{
		Store: kept, Log: cfg.Logger, Module: module, NoForcedGC: cfg.NoForcedGC, GoroutineLeak: cfg.GoroutineLeak, CPUProfile: cfg.CPUProfile,
		FolderMade: func(id string) { k.folderMade(id) },
		Stepped:    c.step, Baselined: c.baseline, Panicked: func() { c.panics.Add(1) }, First: once.first,
	})
	for _, w := range []*worker{&k.surveys, &k.records, &k.slow} {
		w.guarded = k.guarded
	}
	return k
}

// stands passes the state of the process to the taker.
func (k *keeper) stands(v *view, r *incident.Reading) {
	s := evidence.State{Headroom: v.spare, Left: -1, Goroutines: r.Goroutines, ScanHeap: r.ScanHeap, BuckHashSys: r.BuckHashSys}
	if rate, _ := v.growth.rate(); v.spare >= 0 && rate > 0 {
		s.Left = lasts(v.spare, rate)
	}
	k.Stands(s)
}

// do queues slow work that does not concern an incident of this process. It reports
// whether there was room.
func (k *keeper) do(f func()) bool { return k.queued(k.slow.do(f)) }

// surveyed queues a baseline or a census.
func (k *keeper) surveyed(f func()) bool { return k.queued(k.surveys.do(f)) }

// recorded queues a report.
func (k *keeper) recorded(f func()) bool { return k.queued(k.records.do(f)) }

func (k *keeper) queued(ok bool) bool {
	if !ok {
		k.counters.droppedJobs.Add(1)
		if k.once.first("jobs") {
			k.log.Warn("leakguard: a baseline, census or report was skipped because too many were waiting; further ones are only counted")
		}
	}
	return ok
}

// finish queues the last manifest of an incident, after which its folder is closed.
func (k *keeper) finish(id string, r *evidence.Record) {
	k.records.must(func() {
		if err := k.Finish(id, r); err != nil && k.once.first("manifest") {
			k.log.Warn("leakguard: the manifest of a closed incident could not be written", "incident", id, "error", err)
		}
	})
}

// close closes the open folders. There must be no work left.
func (k *keeper) close() {
	k.Close()
	for _, f := range k.folders {
		f.Close()
	}
	close(k.stopped)
}

// guarded runs f and recovers a panic, which is counted and logged once.
func (k *keeper) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			k.counters.panics.Add(1)
			if k.once.first("panic") {
				k.log.Error("leakguard: a panic in the guard was recovered; the guard goes on, and further panics are only counted", "panic", words.Foreign(p))
			}
		}
	}()
	f()
}
