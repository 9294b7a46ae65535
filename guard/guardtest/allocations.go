package guardtest

import (
	"runtime"
	"slices"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
)

// site is a place in the code with how many objects of a kind it has made that
// are still there.
type site struct {
	frame profile.Frame
	n     int64
}

// allocations are those of some functions that a heap profile has seen.
type allocations struct {
	allocators []string
	base       *pprofile.Profile // nil: nothing is recorded
}

// descriptorAllocators make what the standard library keeps for a descriptor.
var descriptorAllocators = []string{"os.newFile", "net.newFD"}

// recordedAllocations notes what there is of some functions' objects now, where
// every allocation is recorded.
func recordedAllocations(allocators []string) allocations {
	a := allocations{allocators: allocators}
	if fullRate.full() {
		a.base, _ = a.take()
	}
	return a
}

// since returns where objects were allocated since that are still there, most
// first. It collects garbage.
func (a allocations) since() []site {
	if a.base == nil {
		return nil
	}
	now, err := a.take()
	if err != nil {
		return nil
	}
	c, err := profile.Compare(a.base, now, profile.CompareConfig{MainModule: mainModule()})
	if err != nil {
		return nil // there is none: profile.ErrNoSamples
	}
	var sites []site
	for _, g := range c.Sites {
		if n := g.Objects.Growth(); n > 0 {
			sites = append(sites, site{g.Frame, n})
		}
	}
	slices.SortStableFunc(sites, func(a, b site) int { return int(min(1, max(-1, b.n-a.n))) })
	return sites
}

// take collects garbage and returns a heap profile with only what the functions
// allocated. Their objects' stacks begin with them, as the profile leaves the
// allocator out.
func (a allocations) take() (*pprofile.Profile, error) {
	// Twice: what has a cleanup is freed in the cycle after the one that ran it.
	runtime.GC()
	runtime.GC()
	p, err := takeProfile(profile.Heap)
	if err != nil {
		return nil, err
	}
	p.Sample = slices.DeleteFunc(p.Sample, func(s *pprofile.Sample) bool { return !slices.Contains(a.allocators, leaf(s)) })
	return p, nil
}

func leaf(s *pprofile.Sample) string {
	if len(s.Location) > 0 && len(s.Location[0].Line) > 0 && s.Location[0].Line[0].Function != nil {
		return s.Location[0].Line[0].Function.Name
	}
	return ""
}

// writeSites lists places, each after what number gives.
func writeSites(line func(string, ...any), sites []site, number func(site) string) {
	for _, s := range sites[:min(len(sites), mostSites)] {
		line("%s  %s", number(s), inFull(s.frame))
		if source := sourceLine(s.frame.File, s.frame.Line); source != "" {
			line("%*s  %s", len(number(s)), "", shorten(source, 100))
		}
	}
	if rest := len(sites) - mostSites; rest > 0 {
		line("and %d other places", rest)
	}
}
