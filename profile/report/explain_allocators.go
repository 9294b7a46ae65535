package report

import (
	"fmt"
	"slices"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// accuseAllocators names who allocated at the crossing, where memory filled so fast that
// no fresh heap profile could be written: an older one does not contain the leak.
func accuseAllocators(r *Report) {
	if r.Goroutine == nil || len(r.Goroutine.Allocators) == 0 || r.unseen() == 0 {
		return
	}
	s := r.Goroutine.Allocators[0]
	s.Confidence = confidenceAllocating
	s.Reasons = []string{
		fmt.Sprintf("%v at work there when memory crossed the line: %s", profile.Count(s.Value.After), "a leak this fast keeps its goroutines on a processor"),
		"the heap profile is older than the leak, so it cannot show it",
	}
	if i := slices.IndexFunc(r.Suspects, func(o incident.Suspect) bool {
		return o.Unit == profile.UnitBytes && o.Frame.Function == s.Frame.Function
	}); i >= 0 {
		r.Suspects[i].Confidence = max(r.Suspects[i].Confidence, confidenceAllocating)
		r.Suspects[i].Reasons = append(r.Suspects[i].Reasons, s.Reasons[0])
		return
	}
	for i := range r.Suspects {
		if o := &r.Suspects[i]; o.Unit == profile.UnitBytes {
			o.Confidence = min(o.Confidence, confidenceAllocating/2)
		}
	}
	r.Suspects = append(r.Suspects, s)
}

// confidenceAllocating: other goroutines may be at work, too.
const confidenceAllocating = 0.45

// unseen returns how many bytes of memory the newest heap profile does not show because
// it is stale; 0 if it shows at least half of the memory.
func (r *Report) unseen() int64 {
	m := r.Manifest
	stale := false
	for _, c := range m.Captures {
		for _, s := range c.Steps {
			if s.Kind == profile.Heap && s.Outcome == incident.OutcomeWritten && s.TookNS > 0 {
				stale = s.Stale
			}
		}
	}
	if !stale {
		return 0
	}
	held := int64(0)
	if r.Heap != nil {
		held = r.Heap.Total.After
	}
	for _, p := range slices.Backward(history(m)) {
		if p.Memory.Known() {
			if int64(p.Memory) > 2*held {
				return int64(p.Memory) - held
			}
			return 0
		}
	}
	return 0
}
