package diff

import (
	"math"
	"slices"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// diff is a comparison in progress: the sums of the samples of both profiles.
type diff struct {
	c         *Comparison
	base, now *pprofile.Profile
	cfg       Config
	x         *index
	scale     float64 // factor for the baseline's values
	byLine    bool    // line numbers of both profiles can be matched
	clamped   bool    // a sum was out of range
	walked    int     // frames of all stacks so far
	shortened int64   // number of stacks cut for that

	sites     map[int32]*tally // by function; see addSite
	functions map[int32]*tally
	modules   map[profile.Frame]*Row // by who calls the allocator
	groups    map[groupKey]*group
	labelSets int // number kept in all groups
	calls     map[int32]libraryCalls
	parts     []int32 // scratch space of addCall
	rungs     []rung  // newest first
	// recent is the newest rung that tells who still grows, and recentGrowth what all
	// sites grew since then; nil if there is none.
	recent       *rung
	recentGrowth int64
	flames       flameStacks
	near         []frames.Frame // reused from stack to stack
}

func newDiff(c *Comparison, base, now *pprofile.Profile, cfg Config) *diff {
	cfg.Sites = readable(cfg.Sites)
	d := &diff{
		c: c, base: base, now: now, cfg: cfg, scale: 1,
		x:         newIndex(cfg.MainModule, base, now),
		byLine:    sameBuild(base, now),
		sites:     make(map[int32]*tally),
		functions: make(map[int32]*tally),
		modules:   make(map[profile.Frame]*Row),
		groups:    make(map[groupKey]*group),
		calls:     make(map[int32]libraryCalls),
	}
	d.flames.reserve(base, now)
	switch c.Kind {
	case profile.Heap:
		c.Unit = profile.UnitBytes
	case profile.CPU:
		c.Unit = profile.UnitNS
		if base != nil && base.DurationNanos > 0 && now.DurationNanos > 0 {
			d.scale = float64(now.DurationNanos) / float64(base.DurationNanos)
		}
		if math.Abs(d.scale-1) < 0.01 {
			d.scale = 1 // 30.001 s and 30.002 s count as equal
		}
	default:
		c.Unit = profile.UnitCount
	}
	return d
}

// readable returns the sites with the names of functions as a comparison shows them.
func readable(sites []incident.GoroutineSite) []incident.GoroutineSite {
	sites = slices.Clone(sites)
	for i := range sites {
		s := &sites[i]
		s.Frame.Function, s.Root = frames.Readable(s.Frame.Function), frames.Readable(s.Root)
		s.CreatedBy.Function = frames.Readable(s.CreatedBy.Function)
	}
	return sites
}

// values returns the indexes of a sample's value and of its number of objects
// for a kind; objects is -1 if there is none.
func values(p *pprofile.Profile, k profile.Kind) (value, objects int) {
	switch k {
	case profile.Heap:
		return valueIndex(p, "inuse_space", "bytes"), valueIndex(p, "inuse_objects", "count")
	case profile.CPU:
		return valueIndex(p, "cpu", "nanoseconds"), -1
	}
	return valueIndex(p, k.String(), "count"), -1
}

// maxSum keeps sums, and the difference of two sums, within 64 bits.
const maxSum = 1 << 61

// sum adds n to a sum and keeps it within ±maxSum, whatever a file says.
func (d *diff) sum(to *int64, n int64) {
	if n > maxSum || n < -maxSum {
		d.clamped = true
		n = max(-maxSum, min(n, maxSum))
	}
	s := *to + n // fits: both are at most 1<<61
	if s > maxSum || s < -maxSum {
		d.clamped = true
		s = max(-maxSum, min(s, maxSum))
	}
	*to = s
}

// change adds n to one side of a change.
func (d *diff) change(to *incident.Change, n int64, after bool) {
	if after {
		d.sum(&to.After, n)
	} else {
		d.sum(&to.Before, n)
	}
}

// most is how many frames of a stack count.
func (d *diff) most() int {
	if d.walked > maxFrames {
		return shortStack
	}
	return maxStack
}

// add adds the samples of a profile to the sums.
func (d *diff) add(p *pprofile.Profile, after bool) {
	if p == nil {
		return
	}
	vi, oi := values(p, d.c.Kind)
	made := -1
	if d.c.Kind == profile.Heap {
		made = valueIndex(p, "alloc_objects", "count")
	}
	resolve := newResolver(d.x, p)
	rate := float64(period(p))
	var stack []call
	for _, s := range p.Sample {
		value, objects := s.Value[vi], int64(0)
		if oi >= 0 {
			objects = s.Value[oi]
		}
		if value == 0 && objects == 0 {
			if made >= 0 && s.Value[made] != 0 { // everything was freed, but somebody called for it
				stack = resolve.stack(stack[:0], s, d.most())
				d.walked += len(stack)
				d.addCall(stack, d.x.site(stack), 0, s.Value[made], after)
			}
			continue
		}
		if !after && d.scale != 1 {
			value = int64(math.Round(min(max(float64(value)*d.scale, -maxSum), maxSum)))
		}
		d.change(&d.c.Total, value, after)
		d.change(&d.c.Objects, objects, after)
		if stack = resolve.stack(stack[:0], s, d.most()); len(stack) == 0 {
			stack = append(stack, call{fn: d.x.function("(no stack)", "")})
		}
		d.walked += len(stack)
		if len(stack) == shortStack && d.walked > maxFrames {
			d.shortened++
		}
		grown := value
		if !after {
			grown = -max(value, -math.MaxInt64)
		}
		if d.x.isOurs(stack) {
			d.change(&d.c.Guard, value, after)
			continue
		}
		d.flames.add(stack, grown)

		leaf := d.leaf(stack)
		at := d.x.site(stack)
		site := stack[at]
		n, variance := estimate(d.c.Kind, value, objects, rate)
		if d.c.Kind == profile.Goroutine || d.c.Kind == profile.GoroutineLeak {
			site = d.addGoroutines(stack, s.Label, value, after)
		}
		d.addModule(stack, value, objects, after)
		t := d.tallyOf(d.sites, site, value, objects, n, variance, after)
		t.route.add(stack, at, value, after)
		if d.c.Kind == profile.Heap {
			calls := int64(0)
			if made >= 0 {
				calls = s.Value[made]
			}
			d.addCall(stack, at, value, calls, after)
			if d.x.class(site.fn) == frames.ClassOwn {
				t.addCaller(d.x, stack, at, grown)
			}
		}
		if leaf.fn != site.fn {
			if t.leaves == nil {
				t.leaves = make(map[int32]int64)
			}
			of := t.leaves[leaf.fn]
			d.sum(&of, grown)
			t.leaves[leaf.fn] = of
		}
		d.tallyOf(d.functions, leaf, value, objects, n, variance, after)
	}
}

// addModule adds a stack to the module whose code does the work: the first from the leaf
// that is not the standard library. What a library allocates counts as the library's,
// also if the user's own code called it.
func (d *diff) addModule(stack []call, value, objects int64, after bool) {
	module := d.x.functions[stack[0].fn].module
	for _, c := range stack {
		if f := &d.x.functions[c.fn]; f.code.Class == frames.ClassOwn || f.code.Class == frames.ClassDependency {
			module = f.module
			break
		}
	}
	key := profile.Frame{Module: module}
	row := d.modules[key]
	if row == nil {
		row = &Row{Frame: key}
		d.modules[key] = row
	}
	d.change(&row.Value, value, after)
	d.change(&row.Objects, objects, after)
}

// leaf returns the frame that does the work. In CPU and heap profiles it is the
// leaf itself: heap stacks begin above the runtime. In others it is the first
// frame above the plumbing, because a goroutine waits through the runtime and
// sync.
func (d *diff) leaf(stack []call) call {
	if d.c.Kind == profile.CPU || d.c.Kind == profile.Heap {
		return stack[0]
	}
	for _, c := range stack {
		if d.x.class(c.fn) != frames.ClassPlumbing {
			return c
		}
	}
	return stack[0]
}
