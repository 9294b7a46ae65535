package guardtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

// heapFinding is what [NoHeapGrowth] found out about growth.
type heapFinding struct {
	verdict    heapVerdict
	rounds     []heapRound
	tolerance  float64
	iterations int64
	took       time.Duration

	// The growth per iteration in the last two rounds, which took so long.
	bytes, objects, goroutines, stacks float64
	counted                            float64 // iterations of these rounds
	lasted                             time.Duration

	// sites are the places that grew in traced more iterations, largest first.
	sites  []diff.Row
	groups []diff.GoroutineGroup
	traced int64
	failed error // why there are no sites

	// idle is the growth while fn did not run for idleFor.
	idle    heapState
	idleFor time.Duration
	// a test that ran at the same time
	otherTest string
}

const (
	// tracedShare is the share of the growth that a profile must show before the
	// place counts as found.
	tracedShare = 0.5
	// leastShare is the smallest share of the growth that is worth a line. A place
	// that shrank has a share of 0.
	leastShare = 0.01
	// idleShare is the share of the growth's speed that, seen without fn, makes a
	// finding inconclusive. It is low because background growth comes in bursts.
	idleShare = 0.25
	// mostIdle is how long the heap is watched while fn does not run.
	mostIdle = time.Second
)

// explain finds out what allocates the growth.
func (r *heapRun) explain(v heapVerdict) *heapFinding {
	f := &heapFinding{verdict: v, rounds: r.rounds, tolerance: r.o.tolerance, iterations: r.n, took: time.Since(r.start)}
	// In a single round something else may have been freed.
	n := 0.0
	for _, round := range r.rounds[len(r.rounds)-2:] {
		n += float64(round.n)
		f.lasted += round.took
	}
	grown := r.last.minus(r.ends[len(r.ends)-3])
	f.counted = n
	f.bytes, f.objects = float64(grown.bytes)/n, float64(grown.objects)/n
	f.goroutines, f.stacks = float64(grown.goroutines)/n, float64(grown.stacks)/n
	if v != heapUnclear {
		r.trace(f)
		r.idle(f)
	}
	return f
}

// trace runs more rounds between two profiles in which every allocation is
// recorded. A profile scales its counts by the rate at the time of writing, so both
// are written at the full rate. What was allocated before is the same in both, and
// cancels out. They are read at the old rate because reading allocates a lot.
func (r *heapRun) trace(f *heapFinding) {
	base := r.traced(0, f.goroutines > 0)
	// A few iterations suffice for most leaks and are cheap at this rate. A map that
	// has just doubled does not grow again for as many iterations as it took until
	// then.
	for n := max(1, r.n/16); f.traced < r.n; n = f.traced {
		now := r.traced(n, f.goroutines > 0)
		f.traced += n
		if f.sites, f.groups, f.failed = compareProfiles(base, now); f.failed != nil || f.explained() {
			break
		}
	}
	r.n += f.traced
}

// traced runs n iterations at the full rate. It restores the rate even if fn ends
// the test.
func (r *heapRun) traced(n int64, goroutines bool) profiles {
	fullRate.acquire()
	defer fullRate.release()
	r.iterate(n)
	r.meter.settle()
	return captureProfiles(goroutines)
}

// explained reports whether the places that grew account for the growth.
func (f *heapFinding) explained() bool {
	var bytes, objects float64
	for _, s := range f.sites {
		bytes += float64(s.Value.Growth())
		objects += float64(s.Objects.Growth())
	}
	n := float64(f.traced)
	return bytes >= tracedShare*f.bytes*n && objects >= tracedShare*f.objects*n && len(f.sites) > 0
}

// idle measures how much the heap grows without fn.
func (r *heapRun) idle(f *heapFinding) {
	f.idleFor = min(mostIdle, f.lasted)
	before := r.meter.settle()
	time.Sleep(f.idleFor)
	f.idle = r.meter.settle().minus(before)
}

// growsAlone reports whether the heap also grew without fn, at a good part of the
// speed. The measurement itself accounts for a few objects.
func (f *heapFinding) growsAlone() bool {
	if f.idle.objects < 32 && f.idle.bytes < 4<<10 {
		return false
	}
	scale := idleShare * float64(f.idleFor) / float64(f.lasted) * f.counted
	return f.objects > 0 && float64(f.idle.objects) > scale*f.objects ||
		f.bytes > 0 && float64(f.idle.bytes) > scale*f.bytes
}

// profiles holds the profiles of the heap and, if goroutines grow, of goroutines,
// as written. Reading them takes longer and allocates more than writing them.
type profiles struct {
	heap, goroutine []byte // nil if not wanted
	err             error
}

func captureProfiles(goroutines bool) (p profiles) {
	p.heap, p.err = captureProfile(profile.Heap)
	if goroutines && p.err == nil {
		p.goroutine, p.err = captureProfile(profile.Goroutine)
	}
	return p
}

func captureProfile(kind profile.Kind) ([]byte, error) {
	var buf bytes.Buffer
	err := profile.Capture(&buf, kind)
	return buf.Bytes(), err
}

func parseProfile(raw []byte) (*pprofile.Profile, error) {
	p, err := profile.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	cutBelow(p)
	return p, nil
}

// The frames at which stacks are cut.
const (
	ownPackage   = "github.com/leakguard/leakguard/guard/guardtest."
	iterateFrame = ownPackage + "(*heapRun).iterate"
)

// cutBelow leaves only what fn itself called in each stack. The test around it is
// the same for all, and would be blamed for what a dependency keeps. It drops what
// this package allocated for its own purposes.
func cutBelow(p *pprofile.Profile) {
	p.Sample = slices.DeleteFunc(p.Sample, func(s *pprofile.Sample) bool {
		own := false
		for i, loc := range s.Location {
			for _, line := range loc.Line {
				if line.Function == nil {
					continue
				}
				if line.Function.Name == iterateFrame {
					s.Location = s.Location[:i]
					return i == 0
				}
				own = own || strings.HasPrefix(line.Function.Name, ownPackage+"(*heapRun).") ||
					strings.HasPrefix(line.Function.Name, ownPackage+"(*heapMeter).")
			}
		}
		return own
	})
}

// compareProfiles returns what has grown, largest first.
func compareProfiles(base, now profiles) (sites []diff.Row, groups []diff.GoroutineGroup, err error) {
	if err := errors.Join(base.err, now.err); err != nil {
		return nil, nil, err
	}
	c, err := compareRaw(base.heap, now.heap)
	if err != nil {
		return nil, nil, err
	}
	sites = slices.DeleteFunc(c.Sites, func(g diff.Row) bool { return g.Share < leastShare })
	runtimeLast(sites)
	if now.goroutine == nil {
		return sites, nil, nil
	}
	if c, err = compareRaw(base.goroutine, now.goroutine); err != nil {
		return sites, nil, err
	}
	groups = slices.DeleteFunc(c.Goroutines, func(g diff.GoroutineGroup) bool { return g.Count.Growth() <= 0 })
	return sites, groups, nil
}

// runtimeLast moves places that are only in the runtime behind the others. A
// processor's list of timers, for example, grows without a caller, and by more than
// what caused it.
func runtimeLast(sites []diff.Row) {
	inRuntime := func(g diff.Row) int {
		if frames.IsRuntime(frames.PackageOf(g.Frame.Function)) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(sites, func(a, b diff.Row) int { return inRuntime(a) - inRuntime(b) })
}

// compareRaw compares two profiles. A profile without samples has not grown.
func compareRaw(base, now []byte) (*diff.Comparison, error) {
	b, err := parseProfile(base)
	if err != nil {
		return nil, err
	}
	n, err := parseProfile(now)
	if err != nil {
		return nil, err
	}
	c, err := diff.Compare(b, n, diff.Config{MainModule: mainModule()})
	if errors.Is(err, diff.ErrNoSamples) {
		return new(diff.Comparison), nil
	}
	return c, err
}
