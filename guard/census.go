package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// firstCensus is the time of the first census. A service that has just started is
// still creating its permanent goroutines.
const firstCensus = time.Minute

// censusWatch is the loop's state of the census.
type censusWatch struct {
	state       CensusState
	counting    bool // a census is running
	next        time.Duration
	sites       []incident.GoroutineSite // of the last census; the slice is never modified
	leakedSince time.Duration            // the earliest onset among the leaking sites
}

// takeCensus starts a census if one is due and nothing is more urgent.
func (l *loop) takeCensus() {
	c := &l.census
	if l.cfg.NoCensus || c.counting || l.view.at < c.next || l.busy() {
		return
	}
	at, n := l.view.at, int(l.reading.Goroutines)
	c.counting = l.keeper.surveyed(func() {
		// Post a result even after a panic, or there would be no further census.
		res := evidence.Census{At: at, Next: census.Next(0, n), Skipped: "the census panicked"}
		l.guarded(func() { res = l.keeper.Census(at, n) })
		l.post(func() { l.counted(res) })
	})
	c.next = at + census.Next(0, n)
}

// busy reports whether a capture is running or may be needed at any moment. Work that
// takes time and memory waits then.
func (l *loop) busy() bool { return len(l.watch.ledger.underway) > 0 || l.view.limitNear() }

// counted records the result of a census.
func (l *loop) counted(res evidence.Census) {
	c := &l.census
	c.counting = false
	c.next = res.At + res.Next
	c.state = CensusState{Every: res.Next, Skipped: res.Skipped, at: res.At}
	if res.Skipped != "" {
		return
	}
	l.counters.censuses.Add(1)
	l.leaked, c.leakedSince = 0, res.At
	c.sites = c.sites[:0:0] // snapshots and manifests share the old slice
	for _, s := range res.Sites {
		site := goroutineSite(s, l.build.Module, l.started)
		c.sites = append(c.sites, site)
		if site.Leaking {
			l.leaked += site.Count
			c.leakedSince = min(c.leakedSince, s.Since)
		}
	}
}

// goroutineSite converts a site for manifests and snapshots. started is the time of
// Start.
func goroutineSite(s census.Site, module string, started time.Time) incident.GoroutineSite {
	return incident.GoroutineSite{
		Frame: profile.Frame{
			Function: s.Function, File: s.File, Line: s.Line,
			Package: frames.PackageOf(s.Function), Module: frames.ModuleOf(s.Function, s.File, module),
		},
		Root: s.Root, Wait: s.Wait, Count: s.Count, Grown: s.Grown,
		Since: started.Add(s.Since).UTC(), Standing: s.Standing, Leaking: s.State >= census.Leaking, Proven: s.State == census.Proven,
		Reason: s.Reason,
	}
}

// describeLeaked describes the leaking site with the most goroutines.
func (l *loop) describeLeaked() string {
	for _, s := range l.census.sites {
		if s.Leaking {
			return fmt.Sprintf("%s goroutines wait in %s at %s (%s:%d): %s",
				profile.Count(s.Count), s.Wait, s.Frame.Function, frames.ShortFile(s.Frame.File), s.Frame.Line, s.Reason)
		}
	}
	return ""
}

// CensusState is the state of the goroutine census.
type CensusState struct {
	// Ago is the time since the last census was taken or skipped. Negative: there
	// was none yet.
	Ago time.Duration
	// Every is the time from the last census to the next. Zero: there was none yet.
	Every time.Duration
	// Skipped says why the last census was skipped; "" if it was taken.
	Skipped string

	at time.Duration
}
