package incident

import (
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// Change is a quantity before and after.
type Change struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Growth returns what was added. It is negative if the quantity shrank.
func (c Change) Growth() int64 { return c.After - c.Before }

// Suspect is a place in the code that may leak. It is a value: whoever titles, tags or
// groups incidents reads it, and never the sentences of a report.
type Suspect struct {
	// Kind is the kind of profile that shows it.
	Kind profile.Kind `json:"kind"`
	// Frame is the site: the function to look at, with file and line.
	Frame profile.Frame `json:"frame"`
	// Through is another function by which the growth comes: one of a library that Frame
	// calls, or that works for it on goroutines of its own, such as
	// 'net/http.(*Transport).dialConn', or one that makes what Frame keeps. The zero Frame
	// means that there is none.
	Through profile.Frame `json:"through,omitzero"`
	// CreatedBy is the function that started the goroutines, as far as that is known; the
	// zero Frame for other kinds.
	CreatedBy profile.Frame `json:"created_by,omitzero"`
	// Path is a call path through Frame, from caller to callee, at most five frames.
	Path []profile.Frame `json:"path,omitempty"`
	// Wait is what the goroutines at the site wait for; "" for other kinds.
	Wait string `json:"wait,omitempty"`
	// Value is what the site holds, in Unit.
	Value Change       `json:"value"`
	Unit  profile.Unit `json:"unit"`
	// Share is its part of all growth of its kind, 0 to 1.
	Share float64 `json:"share"`
	// Standing is for how long there have not been fewer goroutines than now; negative
	// if unknown.
	Standing time.Duration `json:"standing_ns"`
	// Confidence that it leaks, 0 to 1. Below 0.5 it is a guess, from 0.9 on it is as
	// good as proven.
	Confidence float64 `json:"confidence"`
	// Accused says that the headline names it as the culprit. Below that a suspect is a
	// guess, or something else than code explains the incident.
	Accused bool `json:"accused,omitempty"`
	// Proven says that the garbage collector proved it ([profile.GoroutineLeak]).
	Proven bool `json:"proven,omitempty"`
	// Reasons say why, as sentences without a full stop, the strongest first.
	Reasons []string `json:"reasons,omitempty"`
	// Role says how the suspect relates to the others of the incident.
	Role Role `json:"role,omitempty"`
	// TicksPerSecond is how often a timer wakes each of the goroutines; 0 if none is
	// known to.
	TicksPerSecond float64 `json:"ticks_per_second,omitempty"`
}

// Name returns the function without the path of its package, such as
// 'storage.(*Cache).Put'. It is without file and line, which move with each release, so
// that what groups incidents by it keeps its groups.
func (s Suspect) Name() string { return frames.ShortFunction(s.Frame.Function) }

// Suspects are the suspects of an incident, the likeliest first.
type Suspects []Suspect

// Culprit returns the suspect that the headline accuses. It is not ok if there is none.
func (list Suspects) Culprit() (s Suspect, ok bool) {
	for _, s := range list {
		if s.Accused {
			return s, true
		}
	}
	return Suspect{}, false
}

// Role is how a suspect relates to the others of its incident.
type Role string

// The roles. Where one suspect grows in proportion to another, the goroutines are the
// cause candidate: memory of another package grows with them.
const (
	RoleAlone     Role = ""                // nothing else grows with it
	RoleCause     Role = "cause candidate" // others grow with it
	RoleGrowsWith Role = "grows with it"   // it grows with the cause candidate
)

// boundedSuspects returns a copy of the first suspects within the bounds of a manifest.
// JSON has no NaN and no infinity, which the numbers of a foreign profile can lead to.
func boundedSuspects(list Suspects) Suspects {
	kept := make(Suspects, 0, min(len(list), maxSuspects))
	for _, s := range list[:min(len(list), maxSuspects)] {
		if _, err := s.Kind.MarshalText(); err != nil {
			continue // it must not cost the manifest
		}
		s.Frame, s.Through, s.CreatedBy = boundedFrame(s.Frame), boundedFrame(s.Through), boundedFrame(s.CreatedBy)
		path := make([]profile.Frame, 0, min(len(s.Path), maxPath))
		for _, f := range s.Path[:min(len(s.Path), maxPath)] {
			path = append(path, boundedFrame(f))
		}
		s.Path = slices.Clip(path)
		s.Wait = bounded.Text(s.Wait)
		s.Share, s.Confidence, s.TicksPerSecond = finite(s.Share), finite(s.Confidence), finite(s.TicksPerSecond)
		reasons := make([]string, 0, min(len(s.Reasons), maxReasons))
		for _, r := range s.Reasons[:min(len(s.Reasons), maxReasons)] {
			reasons = append(reasons, bounded.Text(r))
		}
		s.Reasons = reasons
		kept = append(kept, s)
	}
	return kept
}

func boundedFrame(f profile.Frame) profile.Frame {
	f.Function, f.File = bounded.Text(f.Function), bounded.Text(f.File)
	f.Package, f.Module = bounded.Text(f.Package), bounded.Text(f.Module)
	return f
}

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
