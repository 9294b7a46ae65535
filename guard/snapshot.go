package guard

import (
	"slices"
	"sync"
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

// Snapshot returns how the guard stands: after its last look, with what has
// happened since. It does not wait for the guard, whatever that is doing. After
// Close it is how it ended; of a nil Guard it is zero.
func (g *Guard) Snapshot() Snapshot {
	if g == nil {
		return Snapshot{}
	}
	return g.loop.snapshot()
}

// board is where readers see how the loop stands. The loop renews it after each
// step, which allocates nothing once the lists have their size.
type board struct {
	asking sync.Mutex // held by one reader at a time, so that the loop waits for one at most
	mu     sync.Mutex
	// now has no counters, and instead of how long ago something was, when it was
	// since Start.
	now Snapshot
}

// publish renews the board.
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
	// Memory is allocated while the loop does not wait for it, with room for what
	// may be added meanwhile.
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
	s.Verdict = s.Reading.Verdict(l.history.from(s.Reading.Time.Add(-verdictSpan)))
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
