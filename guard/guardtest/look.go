package guardtest

import (
	"net/http"
	"runtime"
	"runtime/pprof"
	"time"
)

// finder looks for goroutines that are left, until there are none or the patience
// ends.
type finder struct {
	o options
	// mine selects the goroutines that count.
	mine func(goroutines) []*group
}

// found is the result of a finder.
type found struct {
	groups []*group // empty if nothing is left
	total  int      // goroutines in the process
	looked time.Duration
	// standing is how long each place has been seen to have as many goroutines as
	// now.
	standing map[siteKey]time.Duration
}

// The pauses between two looks. A look costs CPU time in proportion to the
// goroutines, and the code under test needs CPU time to end its own.
const (
	firstPause = 50 * time.Microsecond
	maxPause   = 50 * time.Millisecond
	afterGC    = 5 * time.Millisecond // for finalizers and what they wake
	costShare  = 4                    // a pause is at least this many times as long as the last look
)

func (f finder) find() (found, error) {
	start := time.Now()
	collected := false
	seen := make(map[siteKey]*sighting)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		// Idle connections of the default transport are no test's leak, and nobody else
		// would close them. They are closed before each look, because a request that
		// the test did not wait for makes its connection idle later.
		closeIdleConnections()
		began := time.Now()
		left, total, err := f.look()
		if err != nil || len(left) == 0 {
			return found{}, err
		}
		now := time.Now()
		note(seen, left, began)
		looked := now.Sub(start)
		if !collected && 2*looked >= f.o.patience {
			// A finalizer or a cleanup may stop them. Without this, the verdict would depend
			// on whether a collection happened to run.
			collected = true
			runtime.GC()
			time.Sleep(afterGC)
			continue
		}
		if looked >= f.o.patience {
			result := found{groups: left, total: total, looked: looked, standing: make(map[siteKey]time.Duration)}
			for key, s := range seen {
				result.standing[key] = began.Sub(s.since)
			}
			return result, nil
		}
		time.Sleep(min(max(pause, costShare*now.Sub(began)), max(0, f.o.patience-now.Sub(start))))
	}
}

func (f finder) look() (left []*group, total int, err error) {
	all, err := readGoroutines()
	if err != nil {
		return nil, 0, err
	}
	left = f.counted(f.mine(all))
	if len(left) > 0 && f.o.needCreators {
		findCreators(left, all.total)
		left = f.counted(left)
	}
	return left, all.total, nil
}

func (f finder) counted(groups []*group) (left []*group) {
	for _, g := range groups {
		if !f.o.ignores(g) {
			left = append(left, g)
		}
	}
	return left
}

// sighting is how many goroutines a place has had at least, and since when.
type sighting struct {
	count int
	since time.Time
}

func note(seen map[siteKey]*sighting, left []*group, now time.Time) {
	counts := make(map[siteKey]int)
	for _, g := range left {
		counts[g.site()] += g.count
	}
	for key, n := range counts {
		s := seen[key]
		if s == nil || n > s.count {
			seen[key] = &sighting{count: n, since: now}
			continue
		}
		s.count = n
	}
	for key := range seen {
		if counts[key] == 0 {
			delete(seen, key)
		}
	}
}

func closeIdleConnections() {
	if c, ok := http.DefaultTransport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// proven returns how many goroutines of each place the garbage collector proves to
// be leaked: nothing reachable could wake them. It returns nil if the toolchain has
// no such profile. It forces a collection.
func proven() map[siteKey]int {
	const leakProfile = "goroutineleak"
	if pprof.Lookup(leakProfile) == nil {
		return nil
	}
	all, err := readProfile(leakProfile)
	if err != nil {
		return nil // the proof is optional
	}
	counts := make(map[siteKey]int)
	for _, g := range all.groups {
		counts[g.site()] += g.count
	}
	return counts
}
