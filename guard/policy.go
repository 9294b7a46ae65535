package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

const (
	// firstDoubt is the pause after a refuted suspicion. It doubles with each one in
	// a row, up to longestDoubt.
	firstDoubt   = time.Second
	longestDoubt = time.Minute
	// unheardOf: a process that allocates this many times faster than at any
	// refuted suspicion is suspected again at once.
	unheardOf = 1.5
)

// never is the value of a time that is not set.
const never time.Duration = -1

// watch is the policy that decides what to do at each reading. Its decisions depend
// only on the views and the results of captures passed to it. It uses neither clock
// nor disk.
type watch struct {
	rules  []ruleState
	ledger ledger
	acts   []act // reused

	suspicions int           // refuted in a row
	suspectAt  time.Duration // no suspicion before this time
	// The allocation rate at the last suspicion, and the highest one at a refuted
	// suspicion, in bytes per second.
	suspectRate, refutedRate float64
}

// ruleState is one rule with its state.
type ruleState struct {
	rule       Rule
	position   position
	aboveSince time.Duration // or never
	belowSince time.Duration // or never
	suspected  bool          // a capture on suspicion is running
	open       bool
	capture    int   // the number of its incident's running capture; 0: none
	incidents  int64 // announced since Start
	peak       int64
	wants      bool // evidence is due and no capture of it has begun
	decision   string
	decidedAt  time.Duration
}

// act is an action for a rule's incident.
type act struct {
	do     actKind
	rule   int
	reason string
	// why says why a capture is admitted, or why evidence is shared. If it is
	// shared, evidence is the ID of the incident that has it.
	why, evidence string
	// known is set for a suspicion: live memory up to this amount is already shown
	// by earlier evidence.
	known int64
	// capture is the number of the capture that begins.
	capture int
}

type actKind int

const (
	openIncident actKind = iota
	suspectIncident
	captureEvidence
	shareEvidence
	escalateIncident
	recoverIncident
)

func newWatch(rules []Rule, capturesPerHour int) *watch {
	w := &watch{ledger: newLedger(capturesPerHour)}
	for _, r := range rules {
		w.rules = append(w.rules, ruleState{
			rule: r.withDefaults(), aboveSince: never, belowSince: never,
			peak: profile.Unknown, decision: "no reading yet",
		})
	}
	return w
}

// step evaluates the next view and returns the actions, in order. The slice is valid
// until the next step.
func (w *watch) step(v *view) []act {
	w.acts = w.acts[:0]
	for i := range w.rules {
		w.stepRule(i, v)
	}
	return w.acts
}

// calm reports whether no incident is open.
func (w *watch) calm() bool {
	for i := range w.rules {
		if w.rules[i].open {
			return false
		}
	}
	return true
}

func (w *watch) stepRule(i int, v *view) {
	s := &w.rules[i]
	s.position = v.position(s.rule)
	if s.suspected {
		return // the forced GC decides whether its incident opens
	}
	if s.position == suspect {
		if !s.open {
			w.suspicion(i, v)
			return
		}
		s.position = v.openPosition(s.rule)
	}
	switch s.position {
	case above:
		s.belowSince = never
		if s.aboveSince == never {
			s.aboveSince = v.at
		}
	case below:
		s.aboveSince = never
		if s.belowSince == never {
			s.belowSince = v.at
		}
	default: // between the lines, or unknown
		s.aboveSince, s.belowSince = never, never
	}

	if !s.open {
		if s.position != above {
			s.decide(v.at, "calm")
			return
		}
		if v.at-s.aboveSince < s.rule.For {
			s.decide(v.at, "above the line, but not yet for long enough")
			return
		}
		s.open, s.wants, s.peak, s.capture = true, true, v.values[s.rule.Signal], 0
		w.act(openIncident, i, v.describe(s.rule), "")
	}

	s.peak = max(s.peak, v.values[s.rule.Signal])
	if s.belowSince != never && v.at-s.belowSince >= s.rule.Hold {
		s.open, s.wants = false, false
		s.decide(v.at, "recovered")
		w.act(recoverIncident, i, s.rule.recovered(), "")
		return
	}
	w.consider(i, v)
}

// suspicion starts a capture before it is known whether there is an incident. The
// capture includes a forced GC, which decides that. If there is an incident, there
// would be no time left to capture evidence afterwards.
func (w *watch) suspicion(i int, v *view) {
	s := &w.rules[i]
	s.aboveSince, s.belowSince = never, never
	rate, _ := v.alloc.rate()
	if v.at < w.suspectAt && rate < unheardOf*w.refutedRate {
		s.decide(v.at, "memory is rising fast, but the last time it was garbage")
		return
	}
	// Evidence from before this rise does not cover it, whatever its age. A capture
	// that shows nothing new is discarded.
	verdict := w.ledger.admit(s.rule, v, false)
	if !verdict.admitted && !verdict.covered {
		s.decide(v.at, "memory is rising fast, not captured: "+verdict.why)
		return
	}
	s.decide(v.at, "memory is rising fast; capturing, and forcing a GC to see how much of it is live")
	number := w.ledger.begin(v, s.rule.Capture, true)
	w.acts = append(w.acts, act{do: suspectIncident, rule: i, reason: v.describe(s.rule), why: verdict.why, known: verdict.shows, capture: number})
	s.suspected, s.capture, w.suspectRate = true, number, rate
}

// confirm opens the incident of a suspicion that was right. Its capture is running or
// has ended, and is recorded later.
func (w *watch) confirm(rule int) {
	w.suspicions = 0
	s := &w.rules[rule]
	s.suspected, s.open = false, true
	if u := w.ledger.find(s.capture); u != nil {
		u.suspicion = false
		s.peak = u.values[s.rule.Signal]
	}
	s.wants = false
}

// refute notes that the growth was garbage. Each time in a row doubles the pause until
// the next suspicion.
func (w *watch) refute(rule int, at time.Duration) {
	w.ledger.drop(w.rules[rule].capture)
	w.rules[rule].capture = 0
	w.suspectAt = at + min(firstDoubt<<min(w.suspicions, 20), longestDoubt)
	w.refutedRate = max(w.refutedRate, w.suspectRate)
	w.suspicions++
	w.rules[rule].suspected = false
	w.rules[rule].decide(at, "memory rose fast, but it was garbage")
}

// consider decides whether an open incident gets evidence now.
func (w *watch) consider(i int, v *view) {
	s := &w.rules[i]
	switch {
	case s.position == unknown:
		s.decide(v.at, "open, but its signal is unknown now")
		return
	case s.position == below, s.position == between && !s.wants:
		s.decide(v.at, "open, waiting to recover")
		return
	}
	if u := w.ledger.find(s.capture); u != nil && u.stage != finishing {
		s.decide(v.at, "not captured: a capture is running")
		return
	}
	// Evidence that is due is captured between the lines as well. The signal may not
	// rise above the line again, and the evidence is still in memory.
	verdict := w.ledger.admit(s.rule, v, !s.wants)
	if !verdict.admitted {
		s.decide(v.at, "not captured: "+verdict.why)
		if verdict.covered && s.wants {
			s.wants = false
			w.acts = append(w.acts, act{do: shareEvidence, rule: i, reason: v.describe(s.rule), why: verdict.why, evidence: verdict.id})
		}
		return
	}
	// The first capture is due in any case. A further one is an escalation.
	if !s.wants {
		w.act(escalateIncident, i, v.describe(s.rule), verdict.why)
	}
	s.wants = false
	s.decide(v.at, "captured: "+verdict.why)
	s.capture = w.ledger.begin(v, s.rule.Capture, false)
	w.acts = append(w.acts, act{do: captureEvidence, rule: i, reason: v.describe(s.rule), why: verdict.why, capture: s.capture})
}

// captureEnded records which kinds a capture has saved. Only saved evidence starts the
// cooldown. Kinds that failed are due again after a back-off. rule is negative for a
// manual capture.
func (w *watch) captureEnded(rule, number int, id string, kinds KindSet, at time.Duration) {
	if rule < 0 {
		w.ledger.end(number, id, kinds, kinds != 0, false, at)
		return
	}
	s := &w.rules[rule]
	whole := kinds&s.rule.Capture == s.rule.Capture
	w.ledger.end(number, id, kinds, whole, true, at)
	if s.capture != number {
		return // its incident is over, and the rule may have opened another
	}
	s.capture = 0
	if s.open && !whole {
		s.wants = true
	}
}

func (w *watch) act(do actKind, rule int, reason, why string) {
	w.acts = append(w.acts, act{do: do, rule: rule, reason: reason, why: why})
}

func (s *ruleState) decide(at time.Duration, what string) {
	s.decision, s.decidedAt = what, at
}
