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
		caller, ok := r.callerOf(s.Frame)
		if !ok {
			continue
		}
		s.Through, s.Frame = s.Frame, caller
		if s.Value.Growth() > manyConnections {
			s.Confidence = min(confidenceJoined*s.Confidence, confidenceFlagged)
		}
		s.Reasons = append(s.Reasons, fmt.Sprintf("they run %s; of the functions that call this library, this one's calls hold most that is new", s.Through.Function))
	}
}

// callerOf returns the user's own function that calls the library of this frame: the
// one that the heap blames for the same package, or else the one whose calls hold most.
func (r *Report) callerOf(library profile.Frame) (caller profile.Frame, ok bool) {
	for _, h := range r.Suspects {
		if h.Unit == profile.UnitBytes && h.Through.Package == library.Package && r.isOwn(h.Frame) {
			return h.Frame, true
		}
	}
	return r.Heap.CallerOf(library)
}

const (
	// manyConnections are more than the idle ones that a library keeps by default.
	manyConnections = 100
	// confidenceJoined is how much surer goroutines of a library are once it is known who
	// called for them.
	confidenceJoined = 1.4
)

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
