package report

import (
	"fmt"
	"slices"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// joinCallers names the user's own function for goroutines in which only a library
// works, such as those of a connection. The heap profile of the same moment shows who
// calls that library and whose calls hold memory.
func joinCallers(r *Report) {
	if r.Heap == nil {
		return
	}
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Unit != profile.UnitCount || s.Proven || s.Through.Function != "" || r.isOwn(s.Frame) {
			continue
		}
		caller, ok := r.Heap.CallerOf(s.Frame)
		if !ok {
			continue
		}
		s.Through, s.Frame = s.Frame, caller
		s.Reasons = append(s.Reasons, fmt.Sprintf("they run %s; of the functions that call this library, this one's calls hold most that is new", s.Through.Function))
	}
}

// creditStarter names the function that starts the goroutines of a leak, where the same
// function, or one that it calls, also allocates the memory that grows with them: who
// makes and starts something has to end it. The goroutines themselves only wait.
func creditStarter(r *Report) {
	for i := range r.Suspects {
		s := &r.Suspects[i]
		starter := s.CreatedBy
		if s.Role != incident.RoleCause || s.Proven || starter.Function == "" || starter.Function == s.Frame.Function || !r.isOwn(starter) {
			continue
		}
		for _, h := range r.Suspects {
			on := slices.ContainsFunc(h.Path, func(f profile.Frame) bool { return f.Function == starter.Function })
			if h.Role == incident.RoleGrowsWith && (on || h.Frame.Function == starter.Function) {
				s.Reasons = append(s.Reasons, fmt.Sprintf("they wait in %s; %s starts them, and allocates what grows with them", s.Frame.Function, starter.Function))
				s.Through, s.Frame = s.Frame, starter
				break
			}
		}
	}
}

// isOwn reports whether a frame is the user's own code.
func (r *Report) isOwn(f profile.Frame) bool {
	switch m := r.Manifest.Build.Module; {
	case f.Package == "main":
		return true
	case m != "":
		return f.Module == m
	}
	return false
}

// bytesPerGoroutine is what a parked goroutine costs at least, with its stack.
const bytesPerGoroutine = 8 << 10

// weighGoroutines lowers the confidence in goroutines that can hold only a small part of
// the memory that grew. A service under more load has more of them, too.
func weighGoroutines(r *Report) {
	if r.Heap == nil || r.Manifest.Unit == profile.UnitCount || r.Manifest.ID != "" && r.Manifest.Unit != profile.UnitBytes && r.Manifest.Trigger == incident.TriggerRule {
		return
	}
	grown := r.Heap.Total.Growth() + r.unseen()
	if grown < 8<<20 {
		return
	}
	for i := range r.Suspects {
		s := &r.Suspects[i]
		if s.Unit != profile.UnitCount || s.Proven || s.Confidence >= confidenceFlagged || s.Value.Growth() <= 0 {
			continue
		}
		part := float64(s.Value.Growth()) * bytesPerGoroutine
		p := proportionOf(r.Manifest, s.Value.Growth())
		for _, h := range r.Suspects {
			if h.Unit == profile.UnitBytes && h.Value.Growth() > 0 && (h.Frame.Function == s.Frame.Function || len(relation(r, *s, h, p)) > 0) {
				part += float64(h.Value.Growth())
			}
		}
		if share := part / float64(grown); share < leastExplained {
			s.Confidence *= max(0.3, share/leastExplained)
			s.Reasons = append(s.Reasons, fmt.Sprintf("holds only about %v of the %v that the heap grew", profile.Bytes(part), profile.Bytes(grown)))
		}
	}
}

const (
	// leastExplained is the part of the memory's growth that goroutines must explain to be
	// as likely as they look.
	leastExplained = 0.15
	// confidenceFlagged is that of goroutines that the census has watched for hours.
	confidenceFlagged = 0.9
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

// stackFunctions allocate the descriptors and stacks of goroutines: their growth is that
// of the goroutines.
var stackFunctions = map[string]bool{"runtime.malg": true, "runtime.newproc1": true, "runtime.allgadd": true, "runtime.stackalloc": true, "runtime.newproc.func1": true}

// demoteStacks says what the runtime's own sites are, and never accuses them.
func demoteStacks(r *Report) {
	for i := range r.Suspects {
		if s := &r.Suspects[i]; s.Unit == profile.UnitBytes && stackFunctions[s.Frame.Function] {
			s.Confidence = min(s.Confidence*0.1, 0.2)
			testify(s, "these are the descriptors and stacks of goroutines: look at the goroutines")
		}
	}
}
