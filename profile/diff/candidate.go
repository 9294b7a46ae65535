package diff

import (
	"cmp"
	"maps"
	"slices"

	"github.com/leakguard/leakguard/internal/frames"
)

// candidate is a site that may leak, with the sites that work for it.
type candidate struct {
	fn int32
	*tally
	libraries   []int32 // sites, the largest growth first
	inLibraries int64   // what those grew
	makers      []int32 // sites of the user's own that make what this one keeps
	// still is the growth since the newest rung that tells, and stillShare its share.
	still      int64
	stillShare float64
	stillKnown bool
}

// leastJoined is the part of all growth below which the site of a library stays alone.
const leastJoined = 0.02

// join finds who is to change for what grew elsewhere: the callers of what grew in
// libraries, on goroutines without own code, and the keepers of what others make.
func (d *diff) join() map[int32]int32 {
	var grown int64
	for _, t := range d.sites {
		d.sum(&grown, max(0, t.value.Growth()))
	}
	joined := make(map[int32]int32)
	for fn, t := range d.sites {
		if float64(t.value.Growth()) < leastJoined*float64(grown) {
			continue
		}
		switch d.x.class(fn) {
		case frames.ClassDependency, frames.ClassStandard:
			if own, ok := d.callerOf(fn); ok {
				joined[fn] = own
			}
		case frames.ClassOwn:
			if keeper, ok := d.keeperOf(fn); ok {
				joined[fn] = keeper
			}
		}
	}
	// What a maker's caller makes is kept further up.
	keepers := make(map[int32]int32, len(joined))
	for fn, to := range joined {
		up, ok := joined[to]
		for n := 0; ok && n < maxClimb; n++ {
			to = up
			up, ok = joined[to]
		}
		if !ok { // otherwise they call each other
			keepers[fn] = to
		}
	}
	return keepers
}

// maxClimb is how many callers up the keeper is searched for.
const maxClimb = 4

// candidates returns the sites, each with the libraries that are joined to it, in an
// order that does not depend on maps.
func (d *diff) candidates(joined map[int32]int32) []candidate {
	all := make(map[int32]*candidate, len(d.sites))
	of := func(fn int32) *candidate {
		c := all[fn]
		if c == nil {
			c = &candidate{fn: fn, tally: d.sites[fn]}
			if c.tally == nil {
				c.tally = &tally{lines: make(map[int32]int64)}
			}
			all[fn] = c
		}
		return c
	}
	for fn := range d.sites {
		if _, away := joined[fn]; !away {
			of(fn)
		}
	}
	for _, library := range slices.SortedFunc(maps.Keys(joined), func(a, b int32) int {
		return cmp.Or(cmp.Compare(d.sites[b].value.Growth(), d.sites[a].value.Growth()), cmp.Compare(a, b))
	}) {
		c := of(joined[library])
		if len(c.libraries)+len(c.makers) == 0 {
			own := *c.tally // the table of sites keeps its own
			c.tally = &own
		}
		t := d.sites[library]
		if d.x.class(library) == frames.ClassOwn {
			c.makers = append(c.makers, library)
		} else {
			c.libraries = append(c.libraries, library)
			d.sum(&c.inLibraries, t.value.Growth())
		}
		d.change(&c.value, t.value.Before, false)
		d.change(&c.value, t.value.After, true)
		d.change(&c.objects, t.objects.Before, false)
		d.change(&c.objects, t.objects.After, true)
		c.samples += t.samples
		c.varianceBefore += t.varianceBefore
		c.varianceAfter += t.varianceAfter
	}
	list := make([]candidate, 0, len(all))
	for _, c := range all {
		for _, fn := range slices.Concat([]int32{c.fn}, c.libraries, c.makers) {
			if growth, share, ok := d.still(fn); ok {
				d.sum(&c.still, growth)
				c.stillShare = min(1, c.stillShare+share)
				c.stillKnown = true
			}
		}
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.fn, b.fn) })
	return list
}
