package diff

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Config configures [Compare]. The zero value works.
type Config struct {
	// MainModule is the path of the module whose code is the user's own. If it
	// is "", all code outside the standard library, the module cache and vendor
	// folders is the user's own, and the name of the module is guessed.
	MainModule string
	// Sites are the findings of a census of goroutines over time, which knows
	// how long they have been waiting. nil means that there was no census.
	Sites []incident.GoroutineSite
	// GoroutineText reads the goroutines as text (debug=2), taken with the
	// profile. It adds who created them and their age in minutes. At most 16
	// MiB are read. nil means that there is no text.
	GoroutineText io.Reader
	// StaleCycles is how many GC cycles the heap profile is behind. 0 means
	// that it is current or that its age is unknown.
	StaleCycles int
	// MemoryGrowth is how many bytes the memory of the process grew between the
	// two profiles. Compare warns if the heap does not explain it. 0 and
	// [profile.Unknown] mean that it is unknown.
	MemoryGrowth profile.Bytes
	// Rungs are further profiles of the same kind and process, taken between base and
	// now, in any order. They tell who still grows from who has stopped, such as a
	// cache that is full. Compare reads one after the other, at most 8, and keeps only
	// their sums. nil means that there are none.
	Rungs iter.Seq[*pprofile.Profile]
	// Rows is the largest number of rows of each list. 0 means 50.
	Rows int
}

// The limits of a comparison.
const (
	defaultRows     = 50
	mostSuspects    = 10
	mostFlameNodes  = 3000
	mostFlameDepth  = 128
	minFlameShare   = 0.0005 // of all growth
	maxLabelSets    = 16     // in one group of goroutines; beyond, only labels that all share are kept
	maxGroupsLabels = 50_000 // in all groups
)

// The errors of [Compare] for profiles that it cannot use. Test for them with
// [errors.Is].
var (
	// ErrNoSamples means that the profile is empty.
	ErrNoSamples = errors.New("the profile has no samples")
	// ErrKind means that a profile has a kind that cannot be compared, or that
	// the two profiles have different kinds.
	ErrKind = errors.New("profiles of this kind cannot be compared")
)

// Compare finds what grew from base to now, two profiles of one kind:
// [profile.Heap], [profile.Allocs] (of which it compares the memory in use),
// [profile.Goroutine], [profile.GoroutineLeak] or [profile.CPU]. If base is
// nil, everything in now counts as growth, and a warning says so. Compare
// changes neither profile, and may be called from several goroutines at once,
// even with the same profiles.
//
// Go corrects heap profiles for sampling when it writes them, so Compare does
// not scale them again. It scales the values of a CPU profile base to the
// duration of now if the durations differ, and adds a warning.
//
// Compare fails with [profile.ErrNotProfile] if a profile is malformed, with
// [ErrKind] if the kinds differ or cannot be compared, and with [ErrNoSamples]
// if now is empty, except for a [profile.GoroutineLeak] profile, where that is
// good news. Doubts that are not errors, for example that the profiles come
// from different programs, are in the Warnings of the result.
func Compare(base, now *pprofile.Profile, cfg Config) (*Comparison, error) {
	kind, err := kindOfProfile(now)
	if err != nil {
		return nil, fmt.Errorf("diff: compare: %w", err)
	}
	if len(now.Sample) == 0 && kind != profile.GoroutineLeak {
		return nil, fmt.Errorf("diff: compare: %w", ErrNoSamples)
	}
	c := &Comparison{Kind: kind, HasBase: base != nil, NowTime: timeOf(now)}
	if base != nil {
		baseKind, err := kindOfProfile(base)
		if err != nil {
			return nil, fmt.Errorf("diff: compare: base: %w", err)
		}
		if baseKind != kind {
			return nil, fmt.Errorf("diff: compare: %w: the baseline is a %v profile, the other a %v profile", ErrKind, baseKind, kind)
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
	d.addRungs()
	d.rows()
	c.Flame = d.flame()
	switch kind {
	case profile.Goroutine, profile.GoroutineLeak:
		text := readGoroutineText(cfg.GoroutineText)
		c.Warnings = append(c.Warnings, text.warnings...)
		c.Suspects = d.suspectGoroutines(text)
		c.Allocators = d.allocators()
	case profile.CPU:
		c.Suspects = d.suspectCPU()
	default:
		c.Suspects = d.suspectHeap()
	}
	c.Warnings = append(c.Warnings, d.afterthoughts()...)
	if kind == profile.Heap {
		c.callers = d.callers()
	}
	return c, nil
}

func timeOf(p *pprofile.Profile) time.Time {
	if p.TimeNanos <= 0 {
		return time.Time{}
	}
	return time.Unix(0, p.TimeNanos).UTC()
}
