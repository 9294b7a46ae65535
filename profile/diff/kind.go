package diff

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
)

// kindOfProfile returns the kind of a profile, by its sample types, and checks
// its samples.
func kindOfProfile(p *pprofile.Profile) (profile.Kind, error) {
	if p == nil {
		return 0, fmt.Errorf("%w: the profile is nil", ErrKind)
	}
	switch {
	case valueIndex(p, "inuse_space", "bytes") >= 0:
		return profile.Heap, checkSamples(p)
	case valueIndex(p, "goroutine", "count") >= 0:
		return profile.Goroutine, checkSamples(p)
	case valueIndex(p, "goroutineleak", "count") >= 0:
		return profile.GoroutineLeak, checkSamples(p)
	case valueIndex(p, "cpu", "nanoseconds") >= 0:
		return profile.CPU, checkSamples(p)
	}
	var types []string
	for _, t := range p.SampleType {
		types = append(types, t.Type+"/"+t.Unit)
	}
	return 0, fmt.Errorf("%w: it has samples of %.200q; want a heap, allocs, goroutine, goroutineleak or cpu profile", ErrKind, types)
}

// checkSamples checks what a comparison relies on, because the profile may not
// come from [profile.Read].
func checkSamples(p *pprofile.Profile) error {
	for _, s := range p.Sample {
		if s == nil || len(s.Value) != len(p.SampleType) {
			return fmt.Errorf("%w: a sample has fewer or more values than there are sample types", profile.ErrNotProfile)
		}
		if slices.Contains(s.Location, nil) {
			return fmt.Errorf("%w: a sample refers to a location that is not in the profile", profile.ErrNotProfile)
		}
	}
	return nil
}

// valueIndex returns the index of the sample value with that type, or -1.
func valueIndex(p *pprofile.Profile, name, unit string) int {
	for i, t := range p.SampleType {
		if t.Type == name && t.Unit == unit {
			return i
		}
	}
	return -1
}

// doubts returns the doubts that the headers of the two profiles raise.
func (d *diff) doubts() (doubts []string) {
	say := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	if d.base == nil {
		say("there is no baseline: everything counts as growth")
	} else {
		if len(d.base.Sample) == 0 {
			say("the baseline is empty: everything counts as growth")
		}
		if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && !n.IsZero() && b.After(n) {
			say("the baseline is %v newer than the profile: the two may be swapped", b.Sub(n).Round(time.Second))
		}
		switch bFile, bID, nFile, nID := mainBinary(d.base, d.now); {
		case bFile != nFile && bFile != "" && nFile != "" && bID != nID:
			say("the baseline comes from another program: %.100s, not %.100s", bFile, nFile)
		case bID != nID && bID != "" && nID != "":
			say("the baseline comes from another build of the program: lines may have moved, functions may have new names")
		}
	}
	if d.c.Kind == profile.Heap {
		if b, n := period(d.base), period(d.now); d.base != nil && b != n {
			say("the sampling rates differ, %v and %v a sample: small growth may be an artefact", profile.Bytes(b), profile.Bytes(n))
		}
		switch n := d.cfg.StaleCycles; {
		case n == 1:
			say("the profile is one GC cycle old: it lacks the latest growth")
		case n > 1:
			say("the profile is %s GC cycles old: it lacks the latest growth", inWords(n))
		}
	}
	if d.scale != 1 {
		say("the baseline covers %v, the profile %v: the baseline is scaled to match",
			time.Duration(d.base.DurationNanos).Round(time.Millisecond), time.Duration(d.now.DurationNanos).Round(time.Millisecond))
	} else if d.c.Kind == profile.CPU && d.base != nil && (d.base.DurationNanos <= 0 || d.now.DurationNanos <= 0) {
		say("a CPU profile does not say how long it lasted: values are compared unscaled")
	}
	return doubts
}

func inWords(n int) string {
	if words := []string{"no", "one", "two", "three", "four", "five"}; n < len(words) {
		return words[n]
	}
	return profile.Count(n).String()
}

// afterthoughts returns the doubts that the result raises.
func (d *diff) afterthoughts() (doubts []string) {
	const (
		material = 16 << 20 // less is not worth mentioning
		// With GOGC=100 a process needs twice its live heap. Growth beyond
		// three times that of the heap has another cause.
		garbage = 3
	)
	if grown, memory := d.c.Total.Growth(), int64(d.cfg.MemoryGrowth); d.c.Kind == profile.Heap && d.c.HasBase &&
		memory > material && float64(memory) > garbage*math.Max(0, float64(grown)) {
		doubts = append(doubts, fmt.Sprintf("the growth is outside the Go heap: process memory grew by %v, the heap in use %s",
			profile.Bytes(memory), grewBy(grown)))
	}
	// A warning in every report says nothing. The default rate only matters if
	// little grew.
	if rate := period(d.now); d.c.Kind == profile.Heap && rate > 1 && (rate > 512<<10 || d.c.Total.Growth() < 32*rate) {
		doubts = append(doubts, fmt.Sprintf("the sampling rate hides sites that hold less than about %v", profile.Bytes(rate)))
	}
	if n := d.flames.cut; n > 0 {
		doubts = append(doubts, fmt.Sprintf("the profiles are too large for the flame graph: it lacks %v stacks", profile.Count(n)))
	}
	if d.clamped {
		doubts = append(doubts, "values of the profile are out of range: sums are cut off")
	}
	return doubts
}

func grewBy(n int64) string {
	if n < 0 {
		return fmt.Sprintf("shrank by %v", profile.Bytes(-max(n, -math.MaxInt64)))
	}
	return fmt.Sprintf("grew by %v", profile.Bytes(n))
}

// period returns how many bytes, or nanoseconds, one sample stands for; 0 if
// unknown.
func period(p *pprofile.Profile) int64 {
	if p == nil {
		return 0
	}
	return max(0, p.Period)
}

// mainBinary returns the names and build IDs of the two programs.
func mainBinary(base, now *pprofile.Profile) (baseFile, baseID, nowFile, nowID string) {
	of := func(p *pprofile.Profile) (string, string) {
		if len(p.Mapping) == 0 {
			return "", ""
		}
		file := strings.TrimSuffix(strings.TrimSpace(p.Mapping[0].File), " (deleted)")
		return path.Base(strings.ReplaceAll(file, `\`, "/")), p.Mapping[0].BuildID
	}
	baseFile, baseID = of(base)
	nowFile, nowID = of(now)
	return
}

// sameBuild reports whether line numbers of the two profiles can be matched.
func sameBuild(base, now *pprofile.Profile) bool {
	if base == nil {
		return true
	}
	_, baseID, _, nowID := mainBinary(base, now)
	return baseID == nowID
}
