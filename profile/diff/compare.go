package diff

import (
	"errors"
	"fmt"
	"io"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// CompareConfig is what [Compare] may be told besides the two profiles. Its zero
// value works.
type Config struct {
	// MainModule is the path of the module whose code is the user's own. "":
	// all code is that is neither the standard library's nor out of the
	// module cache or a vendor folder, and the module's name is guessed.
	MainModule string
	// Sites are what a census of goroutines over time has found: it knows
	// for how long they stand. nil: nobody knows.
	Sites []incident.GoroutineSite
	// GoroutineText is the text of the goroutines (debug=2) that was taken
	// with the profile: it has their creators and, to a minute, their ages.
	// At most 16 MiB of it are read. nil: there is none.
	GoroutineText io.Reader
	// StaleCycles says by how many GC cycles the heap profile is behind; 0:
	// it is fresh, or nobody knows.
	StaleCycles int
	// MemoryGrowth is by how much the memory of the process has grown
	// between the two profiles, to tell whether the heap explains it. 0 or
	// [profile.Unknown]: nobody knows.
	MemoryGrowth profile.Bytes
	// Rows is how many rows a list may have; 0: 50.
	Rows int
}

// The bounds of a comparison.
const (
	defaultRows     = 50
	mostSuspects    = 10
	mostFlameNodes  = 3000
	mostFlameDepth  = 128
	minFlameShare   = 0.0005 // of all growth
	maxLabelSets    = 16     // of one group of goroutines, before labels that differ are left out
	maxGroupsLabels = 50_000 // of all of them
)

// What [Compare] says of profiles that it cannot work with; test for them with [errors.Is].
var (
	// ErrNoSamples: a profile with nothing in it cannot be compared.
	ErrNoSamples = errors.New("the profile has no samples")
	// ErrKind: the profiles are not of one kind that can be compared.
	ErrKind = errors.New("not a kind that can be compared")
)

// Compare says what grew from base to now, two profiles of one kind: [profile.Heap] (or
// [profile.Allocs], of which it takes what is in use), [profile.Goroutine], [profile.GoroutineLeak] or
// [profile.CPU]. base may be nil: then all that is there counts as growth, and a
// warning says so. Neither profile is changed.
//
// Heap profiles of Go are corrected for sampling already when they are written;
// Compare does not scale them again. CPU profiles of different durations are
// compared at the duration of now: the baseline's values are scaled to it, and a
// warning says so.
//
// The errors are [profile.ErrNotProfile] where a profile is malformed, [ErrKind] where a profile is of no kind that can be compared, or
// the two are of different kinds, and [ErrNoSamples] where now is empty (other
// than of [profile.GoroutineLeak], where that is a result). Doubts, such as profiles of
// different programs, are warnings of the result.
//
// Two heap profiles of 50,000 stacks take 0.15 s and 20 MiB of allocations, and
// reading them as much time and six times the memory; see [budget.PredictCompare]. Compare may be called by several goroutines, also with the
// same profiles.
func Compare(base, now *pprofile.Profile, cfg Config) (*Comparison, error) {
	kind, err := kindOfProfile(now)
	if err != nil {
		return nil, fmt.Errorf("diff: compare: %w", err)
	}
	if len(now.Sample) == 0 && kind != profile.GoroutineLeak {
		return nil, fmt.Errorf("diff: compare: %w: nothing to compare", ErrNoSamples)
	}
	c := &Comparison{Kind: kind, HasBase: base != nil, NowTime: timeOf(now)}
	if base != nil {
		baseKind, err := kindOfProfile(base)
		if err != nil {
			return nil, fmt.Errorf("diff: compare: base: %w", err)
		}
		if baseKind != kind {
			return nil, fmt.Errorf("diff: compare: %w: base is a %v profile and the other a %v profile", ErrKind, baseKind, kind)
		}
		c.BaseTime = timeOf(base)
	}
	if cfg.Rows <= 0 {
		cfg.Rows = defaultRows
	}
	d := newDiff(c, base, now, cfg)
	c.Warnings = append(c.Warnings, d.doubts()...)
	d.add(base, false)
	d.add(now, true)
	d.rows()
	c.Flame = d.flame()
	switch kind {
	case profile.Goroutine, profile.GoroutineLeak:
		text := readGoroutineText(cfg.GoroutineText)
		c.Warnings = append(c.Warnings, text.warnings...)
		c.Suspects = d.suspectGoroutines(text)
	case profile.CPU:
		c.Suspects = d.suspectCPU()
	default:
		c.Suspects = d.suspectHeap()
	}
	c.Warnings = append(c.Warnings, d.afterthoughts()...)
	return c, nil
}

func timeOf(p *pprofile.Profile) time.Time {
	if p.TimeNanos <= 0 {
		return time.Time{}
	}
	return time.Unix(0, p.TimeNanos).UTC()
}
