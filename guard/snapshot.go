package guard

import (
	"context"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Snapshot is how a guard stands.
type Snapshot struct {
	// Reading is the last one; Rate is how fast Memory moved then, in bytes
	// per second.
	Reading incident.Reading
	Rate    float64
	// Verdict says what fills the memory, and what has grown in the last ten
	// minutes; Reading.Division has the figures.
	Verdict incident.Verdict
	Limits  Limits
	// Rules are the rules with their states, in their order.
	Rules []RuleState
	// Incidents are the open ones.
	Incidents []Incident
	// Trends are how live heap, goroutines and non-Go memory have moved over
	// hours; those of which something is known.
	Trends []incident.Trend
	// GoroutineSites are the places where goroutines wait that have grown
	// most, as of the last census, those that leak first; Census is how the
	// counting goes on.
	GoroutineSites []incident.GoroutineSite
	Census         CensusState
	// Pressure is where pressure stands.
	Pressure PressureState
	Counters Counters
	// Profiles are how many profiles captures have written, left out and
	// lost, by kind.
	Profiles []ProfileCount
	// Process is the run of the program that the guard lives in, as in
	// manifests.
	Process incident.Process
}

// RuleState is where a rule stands.
type RuleState struct {
	Rule Rule
	// Open says that the rule has an open incident; Peak is then its
	// signal's highest value since it opened, else Unknown.
	Open bool
	Peak int64
	// Incidents is how many it has opened since Start.
	Incidents int64
	// Value is the signal's last value, Unknown where nobody knows it.
	Value int64
	// Level is where Rule.Line lies now, in the signal's unit; Unknown where
	// what it refers to is not known, and of a time or a trend, which have none.
	Level int64
	// Decision is what was last decided, and why; DecidedAgo is how long
	// before the snapshot.
	Decision   string
	DecidedAgo time.Duration
}

// Snapshot returns how the guard stands. After Close it is how it ended; of a
// nil Guard it is zero.
func (g *Guard) Snapshot() (s Snapshot) {
	if g == nil {
		return Snapshot{}
	}
	g.inLoop(context.Background(), func() { s = g.loop.snapshot() })
	return s
}

func (l *loop) snapshot() Snapshot {
	s := Snapshot{Reading: l.reading, Limits: l.source.limits, Counters: l.counters.read(), Profiles: l.counters.readProfiles(), Process: l.process}
	s.Rate, _ = l.growth.rate()
	s.Verdict = l.verdict()
	s.Trends = l.trends.list(&l.view, l.started)
	s.GoroutineSites, s.Census = l.sites, l.census
	s.Census.Ago = profile.Unknown
	if l.census.Every > 0 {
		s.Census.Ago = max(time.Since(l.started)-l.census.at, 0)
	}
	s.Pressure = l.pressureState()
	for i := range l.watch.rules {
		r := &l.watch.rules[i]
		state := RuleState{
			Rule: r.rule, Open: r.open, Incidents: r.incidents, Peak: profile.Unknown, Value: l.view.values[r.rule.Signal],
			Decision: r.decision, DecidedAgo: max(time.Since(l.started)-r.decidedAt, 0),
		}
		state.Level = profile.Unknown
		if level, ok := l.view.level(r.rule.Signal, r.rule.Line); ok {
			state.Level = level
		}
		if r.open {
			state.Peak = r.peak
		}
		s.Rules = append(s.Rules, state)
	}
	for i, open := range l.open {
		if open != nil {
			inc := open.Incident
			inc.Duration = l.view.at - open.at
			inc.Peak = l.watch.rules[i].peak
			s.Incidents = append(s.Incidents, inc)
		}
	}
	return s
}
