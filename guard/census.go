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

// firstCensus is when goroutines are first counted by site: a service that has
// just started creates those that stay.
const firstCensus = time.Minute

// censusWatch is what the loop knows of the places where goroutines wait.
type censusWatch struct {
	state       CensusState
	counting    bool // one is being taken
	next        time.Duration
	sites       []incident.GoroutineSite // of the last; not changed once it is there
	leakedSince time.Duration            // when the first of them that leak began to grow
}

// takeCensus has one taken when it is due and there is nothing more urgent.
func (l *loop) takeCensus() {
	c := &l.census
	if l.cfg.NoCensus || c.counting || l.view.at < c.next || l.busy() {
		return
	}
	at, n := l.view.at, int(l.reading.Goroutines)
	c.counting = l.keeper.surveyed(func() {
		// Whatever happens, or there would be no other one.
		res := evidence.Census{At: at, Next: census.Next(0, n), Skipped: "it panicked"}
		l.guarded(func() { res = l.keeper.Census(at, n) })
		l.post(func() { l.counted(res) })
	})
	c.next = at + census.Next(0, n)
}

// busy reports whether evidence is being taken, or may be wanted any moment: what
// takes time and memory had better wait.
func (l *loop) busy() bool { return len(l.watch.ledger.underway) > 0 || l.view.limitNear() }

// counted books a census.
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
	c.sites = c.sites[:0:0] // the old ones are in snapshots and manifests
	for _, s := range res.Sites {
		site := goroutineSite(s, l.build.Module, l.started)
		c.sites = append(c.sites, site)
		if site.Leaking {
			l.leaked += site.Count
			c.leakedSince = min(c.leakedSince, s.Since)
		}
	}
}

// goroutineSite is a site in the words of a report. started is when Start was.
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

// describeLeaked says where most of the goroutines wait that leak.
func (l *loop) describeLeaked() string {
	for _, s := range l.census.sites {
		if s.Leaking {
			return fmt.Sprintf("%s goroutines wait in %s at %s (%s:%d): %s",
				profile.Count(s.Count), s.Wait, s.Frame.Function, frames.ShortFile(s.Frame.File), s.Frame.Line, s.Reason)
		}
	}
	return ""
}

// CensusState is how the counting of goroutines by site goes on.
type CensusState struct {
	// Ago is how long before the snapshot the last one was taken, or left
	// out; negative before the first.
	Ago time.Duration
	// Every is when the next is due after that.
	Every time.Duration
	// Skipped says why the last one was left out; '' if it was not.
	Skipped string

	at time.Duration
}
