package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// firstCensus is when goroutines are first counted by site: a service that has
// just started creates those that stay.
const firstCensus = time.Minute

// surveyor counts goroutines by the place where they wait. The keeper owns it.
type surveyor struct {
	reader *census.Reader
	watch  *census.Watch
}

// newSurveyor returns one for a program whose main module has that path.
func newSurveyor(module string) *surveyor {
	return &surveyor{reader: census.NewReader(module), watch: census.NewWatch()}
}

// censusResult is what a census found.
type censusResult struct {
	at      time.Duration // since Start
	next    time.Duration // after how long the next is due
	sites   []census.Site
	skipped string // why none was taken
}

// census takes one, unless it would need too much of the memory left.
func (k *keeper) census(at time.Duration, goroutines int) (res censusResult) {
	res = censusResult{at: at, next: census.Next(0, goroutines)}
	if ok, why := k.admitAllocation(k.survey.reader.Predict(goroutines)); !ok {
		res.skipped = why
		return res
	}
	groups, err := k.survey.reader.Take()
	if err != nil {
		res.skipped = err.Error()
		return res
	}
	k.survey.watch.Observe(at, groups)
	res.sites = k.survey.watch.Sites()
	res.next = census.Next(k.survey.reader.Cost(), goroutines)
	return res
}

// takeCensus has one taken when it is due and there is nothing more urgent.
func (l *loop) takeCensus() {
	if l.cfg.NoCensus || l.counting || l.view.at < l.nextCensus || l.busy() {
		return
	}
	at, n := l.view.at, int(l.reading.Goroutines)
	l.counting = l.keeper.do(func() {
		res := censusResult{at: at, next: census.Next(0, n), skipped: "it panicked"}
		// Whatever happens, or there would be no other one.
		defer func() { l.censuses <- res }()
		res = l.keeper.census(at, n)
	})
	l.nextCensus = at + census.Next(0, n)
}

// busy reports whether evidence is being taken, or may be wanted any moment: the
// keeper does one thing at a time.
func (l *loop) busy() bool {
	if l.watch.ledger.running {
		return true
	}
	// Not the ten seconds of soonest: what has stopped growing is no danger.
	for _, window := range [...]time.Duration{rateWindow, time.Second} {
		rate, _ := l.view.growth.rateOver(window)
		if l.view.headroom >= 0 && rate > 0 && lasts(l.view.headroom, rate) < deathNear {
			return true
		}
	}
	return false
}

// counted books a census.
func (l *loop) counted(res censusResult) {
	l.counting = false
	l.nextCensus = res.at + res.next
	l.census = CensusState{Every: res.next, Skipped: res.skipped, at: res.at}
	if res.skipped != "" {
		return
	}
	l.counters.censuses.Add(1)
	l.leaked, l.leakedSince = 0, res.at
	l.sites = l.sites[:0:0] // the old ones are in snapshots and manifests
	for _, s := range res.sites {
		site := goroutineSite(s, l.build.Module, l.started)
		l.sites = append(l.sites, site)
		if site.Leaking {
			l.leaked += site.Count
			l.leakedSince = min(l.leakedSince, s.Since)
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
	for _, s := range l.sites {
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
