package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// verdictSpan is since when what grew counts as growth in a verdict: longer than a
// cycle of the garbage collector or of a job, short enough to be of now.
const verdictSpan = 10 * time.Minute

// verdict is what fills the memory as of the last reading.
func (l *loop) verdict() incident.Verdict {
	return l.reading.Verdict(l.history.oldest(l.reading.Time.Add(-verdictSpan)))
}

const (
	// From cacheAt on a cgroup filled by page cache is worth a line; the next one
	// only after it was below cacheOver for cacheHold.
	cacheAt, cacheOver = 0.95, 0.85
	cacheHold          = time.Minute
	// dirtyFor is for how long page cache must wait to be written before it
	// is told: each writer leaves some behind for a moment.
	dirtyFor = 5 * time.Second
)

// cacheWatch tells, once an episode, that the cgroup's limit is met by page cache,
// which is no incident. It is a function of what it is shown.
type cacheWatch struct {
	saidCache, saidDirty bool
	low, dirty           since
}

// since is when something began to hold.
type since struct {
	holds bool
	at    time.Duration
}

// lasts notes whether something holds, and reports whether it has for so long.
func (s *since) lasts(holds bool, at, long time.Duration) bool {
	if !holds || !s.holds {
		s.holds, s.at = holds, at
	}
	return holds && at-s.at >= long
}

// step reports whether the class is to be told now. share is the usage over the
// limit.
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

// watchCache has it told that page cache fills the cgroup.
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
	text := fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, all but %v of it page cache that the kernel takes back: not a leak", 100*share, must)
	if class == incident.VerdictDirty {
		text = fmt.Sprintf("leakguard: the cgroup is at %.0f%% of its limit, %v of it dirty pages: slow the writer or fsync; not a leak", 100*share, d.Dirty)
	}
	limit := r.CgroupLimit
	l.later(func() {
		l.log.Info(text, "usage", d.Total.String(), "unreclaimable", must.String(), "limit", limit.String())
	})
}
