package guardtest

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

// site is a place in the code, with the number of live objects that it allocated.
type site struct {
	frame profile.Frame
	n     int64
}

// allocations tracks the objects that some functions allocate, by means of heap
// profiles.
type allocations struct {
	allocators []string
	base       []byte // nil if allocations are not recorded
	// sampleOf, if not "", is a function that allocated mostly the objects in
	// question before base was taken. Its allocations identify the allocator's line
	// that makes them.
	sampleOf string
}

// descriptorAllocators allocate the standard library's objects for descriptors.
var descriptorAllocators = []string{"os.newFile", "net.newFD"}

// recordedAllocations records the current objects of the allocators, if every
// allocation is being profiled.
func recordedAllocations(allocators []string) allocations {
	a := allocations{allocators: allocators}
	if fullRate.full() {
		a.base, _ = captureSettled()
	}
	return a
}

// since returns where objects were allocated since then that are still alive, most
// first. It collects garbage.
func (a allocations) since() ([]site, error) {
	if a.base == nil {
		return nil, nil
	}
	// Profiles must be written at the same rate to be comparable. Reading them
	// allocates a lot, which must not be recorded.
	fullRate.acquire()
	raw, err := captureSettled()
	fullRate.release()
	if err != nil {
		return nil, err
	}
	base, err := parseProfile(a.base)
	if err != nil {
		return nil, err
	}
	now, err := parseProfile(raw)
	if err != nil {
		return nil, err
	}
	line, err := a.line(base)
	if err != nil {
		return nil, err
	}
	for _, p := range []*pprofile.Profile{base, now} {
		// The stacks begin with the allocators, because the profile leaves out the
		// runtime's own frames.
		p.Sample = slices.DeleteFunc(p.Sample, func(s *pprofile.Sample) bool {
			f := leaf(s)
			return f.Function == nil || !slices.Contains(a.allocators, f.Function.Name) || line != 0 && f.Line != line
		})
	}
	c, err := diff.Compare(base, now, diff.Config{MainModule: mainModule()})
	if errors.Is(err, diff.ErrNoSamples) {
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
	// Twice, because an object with a cleanup is freed in the cycle after the one
	// that ran it.
	runtime.GC()
	runtime.GC()
	return captureProfile(profile.Heap)
}

// line returns the allocator's line that makes the objects in question, or 0 for
// any.
func (a allocations) line(base *pprofile.Profile) (int64, error) {
	if a.sampleOf == "" {
		return 0, nil
	}
	var line, most int64
	for _, s := range base.Sample {
		if f := leaf(s); slices.ContainsFunc(s.Location, func(l *pprofile.Location) bool { return isOf(l, a.sampleOf) }) && s.Value[inUseObjects] > most {
			line, most = f.Line, s.Value[inUseObjects]
		}
	}
	if line == 0 {
		return 0, fmt.Errorf("the heap profile has no allocations of %s", a.sampleOf)
	}
	return line, nil
}

// inUseObjects is the index of that value in a heap profile's samples.
const inUseObjects = 2

func isOf(l *pprofile.Location, function string) bool {
	return slices.ContainsFunc(l.Line, func(f pprofile.Line) bool { return f.Function != nil && f.Function.Name == function })
}

func leaf(s *pprofile.Sample) pprofile.Line {
	if len(s.Location) > 0 && len(s.Location[0].Line) > 0 {
		return s.Location[0].Line[0]
	}
	return pprofile.Line{}
}

// writeSites lists places, each with the number that the function returns in front
// of it.
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
