package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// verdictSpan is the span over which a verdict measures growth. It is longer than a
// cycle of the garbage collector or of a job, and short enough to describe the
// present.
const verdictSpan = 10 * time.Minute

// verdict says what fills the memory at the last reading.
func (l *loop) verdict() incident.Verdict {
	return l.reading.Verdict(l.history.oldest(l.reading.Time.Add(-verdictSpan)))
}

const (
	// restSpan is how long a process must have been at rest for its growth before that
	// to be no news, and shortestRest how much of that the history must cover.
	restSpan, shortestRest = 30 * time.Second, 15 * time.Second
	// restShare is the share of the mean rate of growth, below which a process is at
	// rest.
	restShare = 1.0 / 4
)

// verdictNow says what fills the memory now. Growth that has ended is not news: a service
// that filled its caches at start and has been idle since does not grow. from returns the
// oldest reading that is not older than a time, or nil.
func verdictNow(now *incident.Reading, from func(time.Time) *incident.Reading) incident.Verdict {
	earlier := from(now.Time.Add(-verdictSpan))
	if earlier != nil {
		half := now.Time.Sub(earlier.Time) / 2
		for _, span := range [...]time.Duration{restSpan, half} {
			if since := from(now.Time.Add(-span)); since != nil && atRest(earlier, since, now) {
				return now.Verdict(since)
			}
		}
	}
	return now.Verdict(earlier)
}

// atRest reports whether the process has neither allocated nor grown since a reading, in
// comparison with its growth since an earlier one.
func atRest(earlier, since, now *incident.Reading) bool {
	all, rest := now.Time.Sub(earlier.Time), now.Time.Sub(since.Time)
	if rest < shortestRest || rest >= all || !now.Unreclaimable.Known() || !since.Unreclaimable.Known() || !earlier.Unreclaimable.Known() ||
		!now.TotalAlloc.Known() || !since.TotalAlloc.Known() {
		return false
	}
	most := restShare * float64(now.Unreclaimable-earlier.Unreclaimable) * float64(rest) / float64(all)
	return most > 0 && float64(now.TotalAlloc-since.TotalAlloc) < most && float64(now.Unreclaimable-since.Unreclaimable) < most
}

const (
	// An episode of a cgroup full of page cache begins at cacheAt. It ends after
	// usage has been below cacheOver for cacheHold.
	cacheAt, cacheOver = 0.95, 0.85
	cacheHold          = time.Minute
	// dirtyFor is how long dirty pages must fill the cgroup before that is logged,
	// because every writer leaves some for a moment.
	dirtyFor = 5 * time.Second
)

// cacheWatch decides when to log that page cache has reached the cgroup's limit, once
// per episode. It depends only on its inputs.
type cacheWatch struct {
	saidCache, saidDirty bool
	low, dirty           since
}

// since is when a condition began to hold.
type since struct {
	holds bool
	at    time.Duration
}

// lasts records whether the condition holds, and reports whether it has held for long.
func (s *since) lasts(holds bool, at, long time.Duration) bool {
	if !holds || !s.holds {
		s.holds, s.at = holds, at
	}
	return holds && at-s.at >= long
}

// step reports whether to log the class now. share is the usage divided by the limit.
func (w *cacheWatch) step(at time.Duration, share float64, class incident.VerdictClass) bool {
	if w.low.lasts(share < cacheOver, at, cacheHold) {
		w.saidCache, w.saidDirty = false, false
	}
	full := share >= cacheAt
	unwritten := w.dirty.lasts(full && class == incident.VerdictDirty, at, dirtyFor)
	switch {
	case full && class == incident.VerdictCacheAtLimit && !w.saidCache:
		w.saidCache = true
		return true
	case unwritten && !w.saidDirty:
		w.saidDirty = true
		return true
	}
	return false
}

// watchCache logs that page cache fills the cgroup.
func (l *loop) watchCache() {
	r := &l.reading
	if r.CgroupLimit <= 0 || !r.CgroupUsage.Known() {
		return
	}
	share, class := float64(r.CgroupUsage)/float64(r.CgroupLimit), incident.VerdictUnknown
	if share >= cacheAt {
		class = r.VerdictClass(nil)
	}
	if !l.cache.step(l.view.at, share, class) {
		return
	}
	d, must := r.Division(), r.Unreclaimable
	text := fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, but all except %v is page cache that the kernel can reclaim; this is not a leak", 100*share, must)
	if d.KernelCache > d.FileCache+d.Dirty {
		text = fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, but all except %v can be reclaimed by the kernel: mostly kernel memory, such as dentries and inodes; this is not a leak", 100*share, must)
		if !r.CgroupSlab.Known() { // in v1
			text = fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, but all except %v can probably be reclaimed by the kernel: mostly kernel memory, which is dentries and inodes as a rule, but cgroup v1 does not tell; "+
				"if the process is killed nevertheless, look for pipes and sockets that are not closed", 100*share, must)
		}
	}
	if class == incident.VerdictDirty {
		text = fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, and %v of it are dirty pages; slow down the writer or call fsync; this is not a leak", 100*share, d.Dirty)
	}
	limit := r.CgroupLimit
	l.later(func() {
		l.log.Info(text, "usage", d.Total.String(), "unreclaimable", must.String(), "limit", limit.String())
	})
}
