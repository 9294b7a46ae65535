package guard

import (
	"time"

	"github.com/leakguard/leakguard/profile"
)

const (
	// firstDoubt doubles with each suspicion that is refuted, up to
	// longestDoubt.
	firstDoubt   = time.Second
	longestDoubt = time.Minute
	// unheardOf is how much faster than at any refuted suspicion a process
	// must allocate to be suspected again at once.
	unheardOf = 1.5
)

// never is a time that has not come.
const never time.Duration = -1

// watch is the policy: what the guard decides at each reading. It is a pure
// function of the views it was shown and of what it was told about captures; it
// touches neither clock nor disk.
type watch struct {
	rules  []ruleState
	ledger ledger
	acts   []act // reused

	suspicions int           // refuted in a row
	suspectAt  time.Duration // not before
	// How fast the process allocated at the last suspicion, and at most at a
	// refuted one, in bytes per second.
	suspectRate, refutedRate float64
}

// ruleState is one rule and where it stands.
type ruleState struct {
	rule       Rule
	position   position
	aboveSince time.Duration // or never
	belowSince time.Duration // or never
	suspected  bool          // evidence of a suspicion is being taken
	open       bool
	capture    int   // the number of its incident's last capture while that is under way; 0: none
	incidents  int64 // announced since Start
	peak       int64
	wants      bool // evidence is wanted and not yet under way
	decision   string
	decidedAt  time.Duration
}

// act is something to be done about a rule's incident.
type act struct {
	do     actKind
	rule   int
	reason string
	// why says for a capture why it is admitted, and where evidence is shared
	// why none is taken; evidence is then the ID of the incident that has it.
	why, evidence string
	// known is for a suspicion how much live memory must exceed to be news.
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

// step looks at the next view and returns what is to be done, in order. The
// slice is valid until the next step.
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
		return // its incident opens, or not, with the garbage collector's answer
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
	default: // between the lines, or unknown: neither was above, nor below, all the time
		s.aboveSince, s.belowSince = never, never
	}

	if !s.open {
		if s.position != above {
			s.decide(v.at, "calm")
			return
		}
		if v.at-s.aboveSince < s.rule.For {
			s.decide(v.at, "above the line, not yet for the time that opens an incident")
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

// suspicion has evidence taken before it is known whether there is an incident:
// the forced GC that is part of it tells. Where the suspicion is right there
// would be no time left to take it afterwards.
func (w *watch) suspicion(i int, v *view) {
	s := &w.rules[i]
	s.aboveSince, s.belowSince = never, never
	rate, _ := v.alloc.rate()
	if v.at < w.suspectAt && rate < unheardOf*w.refutedRate {
		s.decide(v.at, "memory is taken fast; the last time it was garbage")
		return
	}
	// Evidence from before this rise does not speak for it, whatever its age;
	// but what shows no more than that is discarded again.
	verdict := w.ledger.admit(s.rule, v, false)
	if !verdict.admitted && !verdict.covered {
		s.decide(v.at, "memory is taken fast, not captured: "+verdict.why)
		return
	}
	s.decide(v.at, "memory is taken fast: capturing, and asking the garbage collector what of it lives")
	number := w.ledger.begin(v, s.rule.Capture, true)
	w.acts = append(w.acts, act{do: suspectIncident, rule: i, reason: v.describe(s.rule), why: verdict.why, known: verdict.shows, capture: number})
	s.suspected, s.capture, w.suspectRate = true, number, rate
}

// confirm opens the incident of a suspicion that proved right. Its evidence is
// taken or under way; that is still to be booked.
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

// refute notes that what grew was garbage. Each time the guard believes the
// process a while longer that this is its way.
func (w *watch) refute(rule int, at time.Duration) {
	w.ledger.drop(w.rules[rule].capture)
	w.rules[rule].capture = 0
	w.suspectAt = at + min(firstDoubt<<min(w.suspicions, 20), longestDoubt)
	w.refutedRate = max(w.refutedRate, w.suspectRate)
	w.suspicions++
	w.rules[rule].suspected = false
	w.rules[rule].decide(at, "memory was taken fast, but it was garbage")
}

// consider decides whether an open incident gets evidence now.
func (w *watch) consider(i int, v *view) {
	s := &w.rules[i]
	switch {
	case s.position == unknown:
		s.decide(v.at, "open, but where its signal stands is not known now")
		return
	case s.position == below, s.position == between && !s.wants:
		s.decide(v.at, "open, waiting to recover")
		return
	}
	if u := w.ledger.find(s.capture); u != nil && u.stage != finishing {
		s.decide(v.at, "not captured: a capture is running")
		return
	}
	// What is owed is taken between the lines too: it may never come above
	// again, and its evidence is still in memory.
	verdict := w.ledger.admit(s.rule, v, !s.wants)
	if !verdict.admitted {
		s.decide(v.at, "not captured: "+verdict.why)
		if verdict.covered && s.wants {
			s.wants = false
			w.acts = append(w.acts, act{do: shareEvidence, rule: i, reason: v.describe(s.rule), why: verdict.why, evidence: verdict.id})
		}
		return
	}
	// A first capture is owed; a further one only when things became much
	// worse, which is an escalation and says so.
	if !s.wants {
		w.act(escalateIncident, i, v.describe(s.rule), verdict.why)
	}
	s.wants = false
	s.decide(v.at, "captured: "+verdict.why)
	s.capture = w.ledger.begin(v, s.rule.Capture, false)
	w.acts = append(w.acts, act{do: captureEvidence, rule: i, reason: v.describe(s.rule), why: verdict.why, capture: s.capture})
}

// captureEnded tells the policy of which kinds a capture saved evidence. Only
// that spends the cooldown; what failed is owed still, after a back-off. rule is
// negative for a capture that no rule asked for.
func (w *watch) captureEnded(rule, number int, id string, kinds KindSet, at time.Duration) {
	if rule < 0 {
		w.ledger.end(number, id, kinds, kinds != 0, false, at)
		return
	}
	s := &w.rules[rule]
	whole := kinds&s.rule.Capture == s.rule.Capture
	w.ledger.end(number, id, kinds, whole, true, at)
	if s.capture != number {
		return // of an incident that is over; the rule may have opened another
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
