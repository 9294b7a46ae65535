package guard

import (
	"cmp"
	"fmt"
	"slices"
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
	counting    bool // a census is running, or creators are being read
	moment      census.Moment
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

// takeCreators reads who starts the goroutines if this is the moment for it and nothing is
// more urgent.
func (l *loop) takeCreators() {
	c := &l.census
	at, n := l.view.at, int64(l.reading.Goroutines)
	if l.cfg.NoCensus || !c.moment.Due(at, n, l.cfg.Interval) || c.counting || l.busy() {
		return
	}
	c.counting = l.keeper.surveyed(func() {
		sites, skipped := []census.Site(nil), "the reading panicked"
		l.guarded(func() { sites, skipped = l.keeper.Creators(int(n)) })
		l.post(func() {
			c.counting = false
			if skipped == "" {
				l.listSites(sites)
				return
			}
			l.later(func() {
				l.log.Debug("leakguard: who starts the goroutines was not read", "goroutines", n, "why", skipped)
			})
		})
	})
	if c.counting {
		c.moment.Read(at, n)
	}
}

// listSites lists the sites for manifests and snapshots, which share the old list.
func (l *loop) listSites(sites []census.Site) {
	l.census.sites = make([]incident.GoroutineSite, 0, len(sites))
	for _, s := range sites {
		l.census.sites = append(l.census.sites, goroutineSite(s, l.build.Module, l.started))
	}
}

const (
	// chosenGrowing and chosenLarge are how many sites a manifest has: together as many as
	// it keeps.
	chosenGrowing = 24
	chosenLarge   = 8
)

// chosenSites returns the sites for a manifest: the most severe and fastest growing, and
// the largest of the others.
func chosenSites(sites []incident.GoroutineSite) []incident.GoroutineSite {
	if len(sites) <= chosenGrowing+chosenLarge {
		return sites
	}
	rest := slices.Clone(sites[chosenGrowing:])
	slices.SortStableFunc(rest, func(a, b incident.GoroutineSite) int { return cmp.Compare(b.Count, a.Count) })
	return append(slices.Clone(sites[:chosenGrowing]), rest[:chosenLarge]...)
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
	l.listSites(res.Sites)
	for i, s := range res.Sites {
		if c.sites[i].Leaking {
			l.leaked += s.Count
			c.leakedSince = min(c.leakedSince, s.Since)
		}
	}
}

// goroutineSite converts a site for manifests and snapshots. started is the time of
// Start.
func goroutineSite(s census.Site, module string, started time.Time) incident.GoroutineSite {
	site := incident.GoroutineSite{
		Frame: frameOf(frames.Frame{Function: s.Function, File: s.File, Line: s.Line}, module),
		Root:  s.Root, Wait: s.Wait, Count: s.Count, Grown: s.Grown,
		Since: started.Add(s.Since).UTC(), Standing: s.Standing, Leaking: s.State >= census.Leaking, Proven: s.State == census.Proven,
		Reason: s.Reason,
	}
	if s.CreatedBy.Function != "" {
		site.CreatedBy = frameOf(s.CreatedBy, module)
	}
	return site
}

func frameOf(f frames.Frame, module string) profile.Frame {
	return profile.Frame{
		Function: f.Function, File: f.File, Line: f.Line,
		Package: frames.PackageOf(f.Function), Module: frames.ModuleOf(f.Function, f.File, module),
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
