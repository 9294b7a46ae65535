package diff

import (
	"cmp"
	"slices"
)

// A rung is an older profile, summed up by site.
type rung struct {
	at    int64 // Unix time in nanoseconds
	sites map[int32]int64
}

// addRungs sums up the profiles between base and now, one after the other.
func (d *diff) addRungs() {
	if d.cfg.Rungs == nil {
		return
	}
	for p := range d.cfg.Rungs {
		if kind, err := kindOfProfile(p); err != nil || kind != d.c.Kind || p.TimeNanos >= d.now.TimeNanos ||
			d.base != nil && p.TimeNanos <= d.base.TimeNanos {
			continue
		}
		r := rung{at: p.TimeNanos, sites: make(map[int32]int64)}
		vi, _ := values(p, d.c.Kind)
		resolve := newResolver(d.x, p)
		var stack []call
		for _, s := range p.Sample {
			if s.Value[vi] == 0 {
				continue
			}
			if stack = resolve.stack(stack[:0], s, d.most()); len(stack) == 0 || d.x.isOurs(stack) {
				continue
			}
			d.walked += len(stack)
			of := r.sites[stack[d.x.site(stack)].fn]
			d.sum(&of, s.Value[vi])
			r.sites[stack[d.x.site(stack)].fn] = of
		}
		if d.rungs = append(d.rungs, r); len(d.rungs) == maxRungs {
			break
		}
	}
	slices.SortFunc(d.rungs, func(a, b rung) int { return cmp.Compare(b.at, a.at) }) // newest first
	var all int64
	for _, t := range d.sites {
		d.sum(&all, max(0, t.value.Growth()))
	}
	for _, r := range d.rungs {
		var since int64
		for fn, t := range d.sites {
			d.sum(&since, max(0, t.value.After-r.sites[fn]))
		}
		if since > 0 && float64(since) >= materialSince*float64(all) {
			d.recent, d.recentGrowth = &r, since
			return
		}
	}
}

const (
	maxRungs = 8
	// materialSince is the part of all growth that must have come since a rung for it to
	// tell who is still growing. Less is what comes and goes.
	materialSince = 0.15
)

// still returns how much a site grew since the newest rung that tells, and its share of
// what grew since then. It is not ok if there is no such rung.
func (d *diff) still(fn int32) (growth int64, share float64, ok bool) {
	t := d.sites[fn]
	if d.recent == nil || t == nil {
		return 0, 0, false
	}
	growth = t.value.After - d.recent.sites[fn]
	return growth, min(1, float64(max(0, growth))/float64(d.recentGrowth)), true
}
