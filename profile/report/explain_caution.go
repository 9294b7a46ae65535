package report

import (
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// caution limits the confidence by what else is known of the incident. Two profiles
// cannot tell a leak from a cache that fills. That memory is nearly full says more, and
// a process that died of it says most.
func caution(r *Report) {
	most := r.mostSure()
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Proven || s.Confidence >= confidenceFlagged {
			continue
		}
		sure := most
		if r.Heap == nil && r.Manifest.ID == "" && !r.isOwn(s.Frame) {
			sure = sureOfHalf
		}
		if sure == sureOfNear && !r.fills(*s) {
			sure = sureOfCalm
		}
		s.Confidence = min(finite(s.Confidence), sure)
	}
}

// fills reports whether a suspect holds so much that memory would not be full without
// it. Garbage and what the service needs take the rest.
func (r *Report) fills(s incident.Suspect) bool {
	var held int64
	for _, h := range r.Suspects {
		if h.Unit == profile.UnitBytes && (h.Frame.Function == s.Frame.Function || s.Role == incident.RoleCause && h.Role == incident.RoleGrowsWith) {
			held += max(0, h.Value.After)
		}
	}
	return float64(held) >= fillingPart*float64(r.limit())
}

const (
	sureOfHalf = 0.4  // goroutines of a library, and nothing tells who called it
	sureOfCalm = 0.49 // a guess
	sureOfNear = 0.69
	sureOfEnd  = 1
	// nearlyFull is the part of the limit from which memory counts as nearly full.
	nearlyFull = 0.85
	// fillingPart is the part of the limit that who fills memory holds at least.
	fillingPart = 0.4
)

func (r *Report) mostSure() float64 {
	m := r.Manifest
	for _, t := range m.Trends {
		if t.State == "leaking" {
			return sureOfEnd
		}
	}
	switch {
	case m.CutShort, aboutIdle(m):
		return sureOfEnd
	case m.Trigger != incident.TriggerRule || m.Recovered != nil:
		return sureOfCalm
	}
	if r.fullness() >= nearlyFull {
		return sureOfNear
	}
	return sureOfCalm
}

// fullness is the part of the limit that memory took at last; 0 if unknown.
func (r *Report) fullness() float64 {
	limit := r.limit()
	points := history(r.Manifest)
	for i := len(points) - 1; i >= 0 && limit > 0; i-- {
		if points[i].Memory.Known() {
			return float64(points[i].Memory) / float64(limit)
		}
	}
	return 0
}
