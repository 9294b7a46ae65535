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

// kindOfProfile tells what a profile shows by the types of its samples, and
// whether they are as they should be.
func kindOfProfile(p *pprofile.Profile) (profile.Kind, error) {
	if p == nil {
		return 0, fmt.Errorf("%w: there is no profile", ErrKind)
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
	return 0, fmt.Errorf("%w: its samples are %.200q; heap, allocs, goroutine, goroutineleak and cpu profiles can be", ErrKind, types)
}

// checkSamples makes sure of what a comparison relies on, for a profile that
// did not come from [profile.Read].
func checkSamples(p *pprofile.Profile) error {
	for _, s := range p.Sample {
		if s == nil || len(s.Value) != len(p.SampleType) {
			return fmt.Errorf("%w: a sample has not as many values as there are types", profile.ErrNotProfile)
		}
		if slices.Contains(s.Location, nil) {
			return fmt.Errorf("%w: a sample has a place that is not in the profile", profile.ErrNotProfile)
		}
	}
	return nil
}

// valueIndex returns which of a sample's values has the type, or -1.
func valueIndex(p *pprofile.Profile, name, unit string) int {
	for i, t := range p.SampleType {
		if t.Type == name && t.Unit == unit {
			return i
		}
	}
	return -1
}

// doubts are what the headers of the two profiles give reason to doubt.
func (d *diff) doubts() (doubts []string) {
	say := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	if d.base == nil {
		say("there is no baseline: everything counts as growth")
	} else {
		if len(d.base.Sample) == 0 {
			say("the baseline is empty: everything counts as growth")
		}
		if b, n := d.c.BaseTime, d.c.NowTime; !b.IsZero() && !n.IsZero() && b.After(n) {
			say("the baseline is %v younger than the profile: are they swapped?", b.Sub(n).Round(time.Second))
		}
		switch bFile, bID, nFile, nID := mainBinary(d.base, d.now); {
		case bFile != nFile && bFile != "" && nFile != "" && bID != nID:
			say("the baseline is of another program: %.100s, not %.100s", bFile, nFile)
		case bID != nID && bID != "" && nID != "":
			say("the baseline is of another build of the program: lines may have moved and functions have been renamed")
		}
	}
	if d.c.Kind == profile.Heap {
		if b, n := period(d.base), period(d.now); d.base != nil && b != n {
			say("the sampling rates differ, %v and %v a sample: small growth may be due to that", profile.Bytes(b), profile.Bytes(n))
		}
		switch n := d.cfg.StaleCycles; {
		case n == 1:
			say("the profile is stale by one GC cycle: the last growth is not in it")
		case n > 1:
			say("the profile is stale by %s GC cycles: the last growth is not in it", inWords(n))
		}
	}
	if d.scale != 1 {
		say("the baseline lasted %v, the profile %v: the baseline's values are scaled to the latter",
			time.Duration(d.base.DurationNanos).Round(time.Millisecond), time.Duration(d.now.DurationNanos).Round(time.Millisecond))
	} else if d.c.Kind == profile.CPU && d.base != nil && (d.base.DurationNanos <= 0 || d.now.DurationNanos <= 0) {
		say("a CPU profile does not say how long it lasted: the values are compared as they are")
	}
	return doubts
}

func inWords(n int) string {
	if words := []string{"no", "one", "two", "three", "four", "five"}; n < len(words) {
		return words[n]
	}
	return profile.Count(n).String()
}

// afterthoughts are what the result gives reason to doubt.
func (d *diff) afterthoughts() (doubts []string) {
	const (
		material = 16 << 20 // memory that is worth a word
		// With GOGC=100 the process needs twice its live heap; what is more
		// than three times the heap's growth is not due to it.
		garbage = 3
	)
	if grown, memory := d.c.Total.Growth(), int64(d.cfg.MemoryGrowth); d.c.Kind == profile.Heap && d.c.HasBase &&
		memory > material && float64(memory) > garbage*math.Max(0, float64(grown)) {
		doubts = append(doubts, fmt.Sprintf("the growth is outside the Go heap: the memory of the process grew by %v, what is in use on the heap %s",
			profile.Bytes(memory), grewBy(grown)))
	}
	// A warning that each report has says nothing: the default rate only
	// matters where little grew.
	if rate := period(d.now); d.c.Kind == profile.Heap && rate > 1 && (rate > 512<<10 || d.c.Total.Growth() < 32*rate) {
		doubts = append(doubts, fmt.Sprintf("the sampling rate hides objects of which less than about %v are in use", profile.Bytes(rate)))
	}
	if n := d.flames.cut; n > 0 {
		doubts = append(doubts, fmt.Sprintf("the profiles are too large for all of their stacks to be in the flame graph: %v are not", profile.Count(n)))
	}
	if d.clamped {
		doubts = append(doubts, "values of the profile are too large to be summed: the sums are cut off")
	}
	return doubts
}

func grewBy(n int64) string {
	if n < 0 {
		return fmt.Sprintf("shrank by %v", profile.Bytes(-max(n, -math.MaxInt64)))
	}
	return fmt.Sprintf("grew by %v", profile.Bytes(n))
}

// period is how many bytes, or nanoseconds, one sample stands for; 0 if not known.
func period(p *pprofile.Profile) int64 {
	if p == nil {
		return 0
	}
	return max(0, p.Period)
}

// mainBinary returns name and build id of the programs.
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

// sameBuild reports whether lines of the two profiles can be matched.
func sameBuild(base, now *pprofile.Profile) bool {
	if base == nil {
		return true
	}
	_, baseID, _, nowID := mainBinary(base, now)
	return baseID == nowID
}
