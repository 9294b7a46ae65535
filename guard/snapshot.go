package guard

import (
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Snapshot is the state of a guard.
type Snapshot struct {
	// Reading is the last reading. Rate is the rate of change of [Memory] at that
	// time, in bytes per second.
	Reading incident.Reading
	Rate    float64
	// Verdict says what fills the memory and what has grown in the last ten
	// minutes, unless that has ended: nothing has been allocated since. Reading.Division
	// has the figures.
	Verdict incident.Verdict
	// Limits are the memory limits in force.
	Limits Limits
	// Rules are the states of the rules, in the order of Config.Rules.
	Rules []RuleState
	// Incidents are the open incidents.
	Incidents []Incident
	// Trends are the trends over hours of live heap, goroutines, non-Go memory and the
	// floors of CPU and wake-ups. Signals without a known trend are left out.
	Trends []incident.Trend
	// GoroutineSites are the places with the fastest growing number of waiting
	// goroutines at the last census, with leaks first. Census is the state of the
	// census.
	GoroutineSites []incident.GoroutineSite
	Census         CensusState
	// Pressure is the state of pressure.
	Pressure PressureState
	Counters Counters
	// Profiles counts the profiles that captures have written, skipped and lost,
	// by kind.
	Profiles []ProfileCount
	// Process describes this process, as in manifests.
	Process incident.Process
}

// RuleState is the state of a rule.
type RuleState struct {
	Rule Rule
	// Open reports whether the rule has an open incident.
	Open bool
	// Peak is the signal's highest value since the incident opened, in the signal's
	// unit. It is [profile.Unknown] if none is open.
	Peak int64
	// Incidents is the number of incidents opened since Start.
	Incidents int64
	// Value is the signal's last value in its unit, or [profile.Unknown].
	Value int64
	// Level is the current level of Rule.Line, in the signal's unit. It is
	// [profile.Unknown] if the limit or baseline is unknown, and for a line that
	// is a time or a trend.
	Level int64
	// Decision is the last decision with its reason. DecidedAgo is its age.
	Decision   string
	DecidedAgo time.Duration
}

// Snapshot returns the current state of the guard. It never waits for the guard.
// After Close it returns the final state. On a nil Guard it returns the zero
// Snapshot.
func (g *Guard) Snapshot() Snapshot {
	if g == nil {
		return Snapshot{}
	}
	return g.loop.snapshot()
}

// board is the copy of the loop's state for readers. The loop updates it after each
// step. An update allocates nothing once the lists have reached their size.
type board struct {
	asking sync.Mutex // admits one reader at a time, so that the loop waits for at most one
	mu     sync.Mutex
	// now is without counters. Its fields for ages hold times since Start.
	now Snapshot
}

// publish updates the board.
func (l *loop) publish() {
	b := &l.board
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.now
	s.Reading, s.Limits, s.Process = l.reading, l.source.limits, l.process
	s.Rate, _ = l.growth.rate()
	s.Trends = l.trends.list(s.Trends[:0], &l.view, l.started)
	s.GoroutineSites, s.Census = l.census.sites, l.census.state
	s.Pressure = l.pressureState()
	s.Rules = s.Rules[:0]
	for i := range l.watch.rules {
		r := &l.watch.rules[i]
		state := RuleState{
			Rule: r.rule, Open: r.open, Incidents: r.incidents, Peak: profile.Unknown, Value: l.view.values[r.rule.Signal],
			Level: profile.Unknown, Decision: r.decision, DecidedAgo: r.decidedAt,
		}
		if level, ok := l.view.level(r.rule.Signal, r.rule.Line); ok {
			state.Level = level
		}
		if r.open {
			state.Peak = r.peak
		}
		s.Rules = append(s.Rules, state)
	}
	s.Incidents = s.Incidents[:0]
	for i, open := range l.open {
		if open != nil {
			s.Incidents = append(s.Incidents, open.Incident)
			last := &s.Incidents[len(s.Incidents)-1]
			last.Duration = l.view.at - open.at
			last.Peak = l.watch.rules[i].peak
		}
	}
}

// snapshot reads the board.
func (l *loop) snapshot() Snapshot {
	b := &l.board
	b.asking.Lock()
	defer b.asking.Unlock()
	// Allocate without holding mu, so that the loop does not wait. Leave room for
	// what may be added meanwhile.
	b.mu.Lock()
	trends, rules, incidents := len(b.now.Trends), len(b.now.Rules), len(b.now.Incidents)
	b.mu.Unlock()
	s := Snapshot{Trends: make([]incident.Trend, 0, trends+1), Rules: make([]RuleState, 0, rules), Incidents: make([]Incident, 0, incidents+1)}
	b.mu.Lock()
	lists := s
	s = b.now
	s.Trends, s.Rules, s.Incidents = append(lists.Trends, s.Trends...), append(lists.Rules, s.Rules...), append(lists.Incidents, s.Incidents...)
	b.mu.Unlock()

	for i := range s.Incidents {
		s.Incidents[i] = ownCopy(s.Incidents[i])
	}
	s.GoroutineSites = slices.Clone(s.GoroutineSites)
	since := time.Since(l.started)
	s.Verdict = verdictNow(&s.Reading, l.history.from)
	s.Counters, s.Profiles = l.counters.read(), l.counters.readProfiles()
	if s.Census.Ago = profile.Unknown; s.Census.Every > 0 {
		s.Census.Ago = max(since-s.Census.at, 0)
	}
	s.Pressure.DecidedAgo = max(since-s.Pressure.DecidedAgo, 0)
	for i := range s.Rules {
		s.Rules[i].DecidedAgo = max(since-s.Rules[i].DecidedAgo, 0)
	}
	return s
}
