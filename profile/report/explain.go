package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// The limits of an explanation. The comparisons have the rest.
const (
	maxSuspects = 16
	maxEvidence = 8
	maxDoubts   = 32
)

// confidenceProven is that of goroutines that the garbage collector proved leaked.
const confidenceProven = 0.99

// Explain makes a report of the evidence: who leaks, how sure that is, and how
// the suspects relate to each other. The same input always gives the same
// report. Explain does no I/O and may be called from several goroutines at
// once.
//
// Explain ranks suspects of all kinds together, by confidence. If memory grows
// in proportion to leaked goroutines, the goroutines become the cause candidate
// ([incident.RoleCause]) and rank before that memory ([incident.RoleGrowsWith]).
// Memory of a fixed number of bytes per goroutine stays as long as the
// goroutines do, whichever package it belongs to. Explain claims a proportion
// only if one of these holds:
//
//   - Over the incident's history, the live heap follows the number of
//     goroutines on a straight line (r² of at least 0.9) that is as steep in
//     its lower as in its upper half, time alone does not explain it, and
//     the suspect grew by about as many bytes per goroutine.
//   - The history is too short to tell, and the suspect and the goroutines
//     grew by the same factor.
//   - The suspect's memory was allocated below the function that the leaked
//     goroutines started with.
//
// If the incident is about idle CPU use, Explain names goroutines that grew and
// that timers may wake. The wake-ups must have grown with them, by between one
// in two minutes and 2,000 a second for each.
//
// If most of the growth is outside the Go heap, no profile can show the
// culprit, and the headline says so.
//
// The report of a death ([incident.Manifest.Death]) says what the process died
// of instead.
func Explain(e Input) *Report {
	if e.Manifest.Death != nil {
		return explainDeath(e)
	}
	r := &Report{Manifest: e.Manifest, Heap: e.Heap, Goroutine: e.Goroutine, CPU: e.CPU, GoroutineLeak: e.GoroutineLeak}
	for _, c := range []*diff.Comparison{e.Heap, e.Goroutine, e.CPU} {
		if c != nil {
			r.Suspects = append(r.Suspects, c.Suspects...)
		}
	}
	for i := range r.Suspects { // the comparisons keep theirs
		r.Suspects[i].Reasons = slices.Clone(r.Suspects[i].Reasons)
	}
	addProof(r, e.GoroutineLeak)
	addCensus(r, e.Manifest)
	addTicks(r)
	joinCallers(r)
	demoteStacks(r)
	weighGoroutines(r)
	accuseAllocators(r)
	rank(r.Suspects, e.Manifest)
	relate(r)
	creditStarter(r)
	caution(r)
	advise(r)
	if len(r.Suspects) > maxSuspects {
		r.Suspects = r.Suspects[:maxSuspects:maxSuspects]
	}
	for i, s := range r.Suspects {
		r.Suspects[i].Reasons = s.Reasons[:min(len(s.Reasons), maxEvidence)]
	}
	out := outsideHeap(e.Manifest)
	r.Warnings = doubts(e, out)
	r.Headline = headline(r, out)
	r.Next = next(e, r.Suspects)
	return r
}

// addCensus adds what the census of goroutines knows. It watched a site for
// hours; two profiles saw it twice.
func addCensus(r *Report, m incident.Manifest) {
	for _, site := range m.GoroutineSites {
		if !site.Leaking && !site.Proven {
			continue
		}
		confidence, why := 0.9, "the census of goroutines takes them for leaked"
		if site.Reason != "" {
			why += ": " + site.Reason
		}
		if site.Proven {
			confidence, why = confidenceProven, "the garbage collector proved that goroutines at this place can never be woken"
		}
		s := findGoroutines(r.Suspects, site.Frame, site.Wait)
		if s == nil {
			r.Suspects = append(r.Suspects, incident.Suspect{
				Kind: profile.Goroutine, Frame: site.Frame, Wait: site.Wait, Unit: profile.UnitCount,
				Value: incident.Change{Before: site.Count - site.Grown, After: site.Count}, Standing: profile.Unknown,
				Reasons: []string{fmt.Sprintf("the census has seen %s more of them arrive%s", profile.Count(site.Grown), since(site.Since, m.Opened))},
			})
			s = &r.Suspects[len(r.Suspects)-1]
		}
		s.Confidence = max(s.Confidence, confidence)
		s.Standing = max(s.Standing, site.Standing)
		if !site.Proven || !s.Proven { // give a proof only once
			testify(s, why)
		}
		s.Proven = s.Proven || site.Proven
	}
}

// addProof turns suspicions of goroutines into proofs.
func addProof(r *Report, c *diff.Comparison) {
	if c == nil {
		return
	}
	for _, proven := range c.Suspects {
		s := findGoroutines(r.Suspects, proven.Frame, proven.Wait)
		if s == nil {
			proven.Reasons = slices.Clone(proven.Reasons)
			r.Suspects = append(r.Suspects, proven)
			s = &r.Suspects[len(r.Suspects)-1]
		}
		s.Confidence = max(s.Confidence, proven.Confidence)
		if len(proven.Reasons) > 0 && !s.Proven { // give a proof only once
			testify(s, proven.Reasons[0])
		}
		s.Proven = true
	}
}

// testify puts a reason first, unless it is there already.
func testify(s *incident.Suspect, why string) {
	if !slices.Contains(s.Reasons, why) {
		s.Reasons = slices.Insert(s.Reasons, 0, why)
	}
}

// findGoroutines returns the suspect for goroutines at a place, or nil. If wait
// is "" it matches any wait.
func findGoroutines(suspects []incident.Suspect, at profile.Frame, wait string) *incident.Suspect {
	for i, s := range suspects {
		if s.Unit == profile.UnitCount && s.Frame.Function == at.Function && s.Frame.Line == at.Line &&
			(wait == "" || s.Wait == "" || s.Wait == wait) {
			return &suspects[i]
		}
	}
	return nil
}

// rank sorts suspects of all kinds, most likely first. Among equals it prefers
// those that the rule of the incident is about, then the larger part of the
// growth.
func rank(suspects []incident.Suspect, m incident.Manifest) {
	asked := func(s incident.Suspect) int {
		if m.Unit != "" && s.Unit == m.Unit {
			return 0
		}
		return 1
	}
	slices.SortFunc(suspects, func(a, b incident.Suspect) int {
		return cmp.Or(
			-cmp.Compare(finite(a.Confidence), finite(b.Confidence)),
			cmp.Compare(asked(a), asked(b)),
			-cmp.Compare(finite(a.Share), finite(b.Share)),
			cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Frame.Function, b.Frame.Function),
			cmp.Compare(a.Frame.Line, b.Frame.Line),
			cmp.Compare(a.Wait, b.Wait),
			-cmp.Compare(a.Value.After, b.Value.After),
		)
	})
}

// finite replaces NaN and infinities, which a foreign profile can cause, so
// that numbers can be sorted.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func since(t, now time.Time) string {
	if t.IsZero() || now.IsZero() || !t.Before(now) {
		return ""
	}
	return " in " + words.Span(now.Sub(t))
}
