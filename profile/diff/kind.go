package diff

import (
	"fmt"
	"path"
	"slices"
	"strings"

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
			return fmt.Errorf("%w: the values of a sample do not match the sample types", profile.ErrNotProfile)
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
