package guardtest

import (
	"cmp"
	"errors"
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
	base       []byte // nil: nothing is recorded
}

// descriptorAllocators make what the standard library keeps for a descriptor.
var descriptorAllocators = []string{"os.newFile", "net.newFD"}

// recordedAllocations notes what there is of some functions' objects now, where
// every allocation is recorded.
func recordedAllocations(allocators []string) allocations {
	a := allocations{allocators: allocators}
	if fullRate.full() {
		a.base, _ = captureSettled()
	}
	return a
}

// since returns where objects were allocated since that are still there, most
// first. It collects garbage.
func (a allocations) since() ([]site, error) {
	if a.base == nil {
		return nil, nil
	}
	// Profiles that are to be compared are written at one rate. Reading them
	// allocates much, and is not to be recorded.
	fullRate.acquire()
	raw, err := captureSettled()
	fullRate.release()
	if err != nil {
		return nil, err
	}
	base, err := a.read(a.base)
	if err != nil {
		return nil, err
	}
	now, err := a.read(raw)
	if err != nil {
		return nil, err
	}
	c, err := profile.Compare(base, now, profile.CompareConfig{MainModule: mainModule()})
	if errors.Is(err, profile.ErrNoSamples) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var sites []site
	for _, g := range c.Sites {
		if n := g.Objects.Growth(); n > 0 {
			sites = append(sites, site{g.Frame, n})
		}
	}
	slices.SortStableFunc(sites, func(a, b site) int { return cmp.Compare(b.n, a.n) })
	return sites, nil
}

// captureSettled collects garbage and writes a heap profile.
func captureSettled() ([]byte, error) {
	// Twice: what has a cleanup is freed in the cycle after the one that ran it.
	runtime.GC()
	runtime.GC()
	return captureProfile(profile.Heap)
}

// read leaves of a profile what the functions allocated. Their objects' stacks
// begin with them, as the profile leaves the allocator out.
func (a allocations) read(raw []byte) (*pprofile.Profile, error) {
	p, err := parseProfile(raw)
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
