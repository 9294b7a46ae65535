package guard

import (
	"slices"
	"time"

	"github.com/leakguard/leakguard/guard/internal/postmortem"
	"github.com/leakguard/leakguard/profile/incident"
)

// hereNow describes where this process runs.
func (l *loop) hereNow() postmortem.Here {
	at := postmortem.Here{Header: boxHeader(l.source.root, l.source), Host: l.process.Host, Kills: l.source.readKills(), Now: time.Now()}
	at.Host = at.Host[:min(len(at.Host), mostNameInBox)]
	return at
}

// lookForDeaths looks for dead processes. It runs on the keeper's goroutine. at describes
// where this process runs.
func (l *loop) lookForDeaths(at postmortem.Here, incidents []incident.Manifest) {
	most := mostTold
	if keep := l.cfg.KeepIncidents; keep > 0 {
		most = min(most, keep) // their folders stay open, so they are not pruned
	}
	c := coroner{keeper: l.keeper, ctx: l.ctx, at: at, incidents: incidents, reports: !l.cfg.NoReports, most: most}
	deaths, again := c.look()
	if len(deaths) > 0 || again > 0 {
		l.post(func() { l.deathsFound(deathsFound{deaths, again}) })
	}
}

// deaths are the deaths whose events have not been sent.
type deaths struct {
	untold     []foundDeath
	nextDeaths time.Duration // when to look for dead processes again; 0: never
	reviewed   bool          // the second look has begun
}

// deathsFound is the result of a look for dead processes.
type deathsFound struct {
	list  []foundDeath
	again time.Duration
}

// longestWait is how long the event of a death waits for its evidence to be explained.
const longestWait = 30 * time.Second

func (l *loop) deathsFound(found deathsFound) {
	for _, d := range found.list {
		d.until = l.view.at + longestWait
		l.untold = append(l.untold, d)
	}
	// Look again only once. A process that still writes by then is alive, and its own
	// successor will report its death.
	if found.again > 0 && !l.reviewed {
		l.nextDeaths = l.view.at + found.again
	}
}

// tellDeaths sends the events of deaths whose evidence is explained. It looks for dead
// processes a second time if the first look was too early to judge some.
func (l *loop) tellDeaths() {
	if l.nextDeaths > 0 && l.view.at >= l.nextDeaths {
		l.nextDeaths, l.reviewed = 0, true
		at := l.hereNow()
		l.keeper.do(func() {
			incidents, err := l.keeper.store.Incidents()
			if err != nil {
				l.log.Debug("leakguard: the incidents of dead processes could not be listed", "error", err)
			}
			l.lookForDeaths(at, incidents)
		})
	}
	l.untold = slices.DeleteFunc(l.untold, func(f foundDeath) bool {
		if len(f.wants) > 0 && l.view.at < f.until {
			return false
		}
		l.tellDeath(f)
		return true
	})
}

func (l *loop) tellDeath(f foundDeath) {
	if lead, what := f.manifest.Death.WhoLeaked(); lead != "" && f.manifest.Headline != f.manifest.Death.Headline() {
		// The line about the death has been logged without this.
		id := f.manifest.ID
		l.later(func() {
			l.log.Warn("leakguard: the evidence of the previous process has been explained. "+lead+": "+what, "incident", id)
		})
	}
	if f.folder != "" && f.manifest.Headline != f.manifest.Death.Headline() {
		if l.keeper.do(func() {
			l.keeper.writeDeath(&f, "")
			l.sendDeath(f)
		}) {
			return
		}
	}
	l.sendDeath(f)
}

func (l *loop) sendDeath(f foundDeath) {
	l.sinks.send(Event{Kind: PreviousDeath, Incident: incidentOf(f.manifest, f.folder), Time: f.manifest.Opened, Reason: f.manifest.Reason})
}

// explainedFor notes that an incident of an earlier process has a report. An empty
// headline says that it will have none.
func (l *loop) explainedFor(id, headline string, suspects incident.Suspects) {
	for i := range l.untold {
		f := &l.untold[i]
		if n := slices.Index(f.wants, id); n >= 0 {
			f.wants = slices.Delete(f.wants, n, n+1)
			if headline != "" {
				d := *f.manifest.Death // copied, because the manifest may be in use by a writer
				d.Culprit = headline
				f.manifest.Death, f.manifest.Suspects = &d, suspects
			}
		}
	}
}
