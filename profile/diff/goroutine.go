package diff

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// groupKey is what the goroutines of a group have in common. It leaves out
// labels: a leak of 134 requests, each with its own ID, is one leak.
type groupKey struct {
	wait          string
	blocked, root int32 // functions
	line          int32 // of blocked; 0 if the builds differ
}

// group counts the goroutines of one groupKey.
type group struct {
	key    groupKey
	line   int32 // of blocked, in the newer profile
	root   int32 // line of the root
	leaf   int32 // function that waits, below blocked
	class  frames.Class
	route  route
	count  incident.Change
	labels map[string]incident.Change // by complete set of labels
	// working is how many were on a processor or in the allocator, in the newer profile.
	working int64
	// common is the labels that all sets share. It is all that is kept once
	// there are too many sets.
	common   []string
	collapse bool
}

// addGoroutines adds a stack to its group and returns the frame that blocks.
func (d *diff) addGoroutines(stack []call, labels map[string][]string, count int64, after bool) call {
	// The frames down to the first that is not plumbing are enough to tell the
	// reason.
	near := d.near[:0]
	for _, c := range stack {
		f := &d.x.functions[c.fn]
		near = append(near, frames.Frame{Function: f.name, Line: int(c.line), StartLine: int(c.startLine)})
		if f.code.Class != frames.ClassPlumbing && len(near) > 1 {
			break
		}
	}
	d.near = near
	at := d.x.site(stack)
	blocked := stack[at]
	root := stack[len(stack)-1]
	for i := len(stack) - 1; i >= 0; i-- {
		if !d.x.functions[stack[i].fn].runtime {
			root = stack[i]
			break
		}
	}
	key := groupKey{wait: frames.Reason(near), blocked: blocked.fn, root: root.fn}
	if d.byLine {
		key.line = blocked.line
	}
	g := d.groups[key]
	if g == nil {
		g = &group{key: key, leaf: d.leaf(stack).fn, class: d.x.class(blocked.fn)}
		d.groups[key] = g
	}
	if after || g.line == 0 {
		g.line, g.root = blocked.line, root.line
	}
	g.route.add(stack, at, count, after)
	if after && (key.wait == frames.Running || allocates(near)) {
		d.sum(&g.working, count)
	}
	d.change(&g.count, count, after)
	d.addLabels(g, labelPairs(labels), count, after)
	return blocked
}

// allocates reports whether a goroutine is in the allocator, which makes it work for the
// garbage collector while that runs.
func allocates(near []frames.Frame) bool {
	return slices.ContainsFunc(near, func(f frames.Frame) bool {
		return f.Function == "runtime.mallocgc" || f.Function == "runtime.gcAssistAlloc" || f.Function == "runtime.gcParkAssist"
	})
}

// allocators returns the places of the user's own code that were at work, most
// goroutines first.
func (d *diff) allocators() (list []incident.Suspect) {
	working := make(map[int32]*group)
	for _, g := range d.groups {
		if g.working <= 0 || g.class != frames.ClassOwn {
			continue
		}
		if w := working[g.key.blocked]; w == nil || g.working > w.working || g.working == w.working && g.line < w.line {
			working[g.key.blocked] = g
		}
	}
	for _, g := range working {
		list = append(list, incident.Suspect{
			Kind: d.c.Kind, Frame: d.x.frame(g.key.blocked, g.line), Wait: frames.Running, Value: incident.Change{After: g.working},
			Unit: profile.UnitCount, Standing: -1, Path: d.framesOf(g.route),
		})
	}
	slices.SortFunc(list, func(a, b incident.Suspect) int {
		return cmp.Or(cmp.Compare(b.Value.After, a.Value.After), cmp.Compare(a.Frame.Function, b.Frame.Function))
	})
	return list[:min(len(list), mostAllocators)]
}

// mostAllocators: more cannot be on a processor at once without being a crowd.
const mostAllocators = 4

func (d *diff) addLabels(g *group, pairs []string, count int64, after bool) {
	if g.collapse {
		g.common = slices.DeleteFunc(g.common, func(p string) bool { return !slices.Contains(pairs, p) })
		return
	}
	set := strings.Join(pairs, ", ")
	c, known := g.labels[set]
	if !known {
		if len(g.labels) == 0 {
			g.labels = make(map[string]incident.Change, 1)
			g.common = pairs
		}
		g.common = slices.DeleteFunc(slices.Clone(g.common), func(p string) bool { return !slices.Contains(pairs, p) })
		if len(g.labels) == maxLabelSets || d.labelSets == maxGroupsLabels {
			if len(g.labels) == 0 {
				g.common = nil // a profile can have more groups than there is memory for their labels
			}
			g.labels, g.collapse = nil, true
			return
		}
		d.labelSets++
	}
	d.change(&c, count, after)
	g.labels[set] = c
}

// labelPairs returns labels as 'key=value', sorted, at most 16 of 64 bytes each.
func labelPairs(labels map[string][]string) []string {
	if len(labels) == 0 {
		return nil
	}
	const most, bytes = 16, 64
	var pairs []string
	for k, vs := range labels {
		for _, v := range vs[:min(len(vs), most)] {
			pair := k[:min(len(k), bytes)] + "=" + v[:min(len(v), bytes)]
			pairs = append(pairs, strings.ToValidUTF8(pair[:min(len(pair), bytes)], ""))
		}
	}
	slices.Sort(pairs)
	return pairs[:min(len(pairs), most)]
}

// goroutineRows returns the groups, with a row for each set of labels if they
// are few.
func (d *diff) goroutineRows() ([]GoroutineGroup, OmittedRows) {
	n := 0
	for _, g := range d.groups {
		n += max(1, len(g.labels))
	}
	rows := make([]GoroutineGroup, 0, n)
	for _, g := range d.groups {
		row := d.rowOf(g, g.count)
		row.Labels, row.Standing = strings.Join(g.common, ", "), -1
		if s, ok := d.siteOf(row); ok {
			row.Standing = s.Standing
		}
		if g.collapse {
			rows = append(rows, row)
			continue
		}
		for set, count := range g.labels {
			row.Labels, row.Count = set, count
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b GoroutineGroup) int {
		return cmp.Or(
			cmp.Compare(b.Count.Growth(), a.Count.Growth()),
			cmp.Compare(b.Count.After, a.Count.After),
			cmp.Compare(a.Blocked.Function, b.Blocked.Function),
			cmp.Compare(a.Blocked.Line, b.Blocked.Line),
			cmp.Compare(a.Root.Function, b.Root.Function),
			cmp.Compare(a.Wait, b.Wait),
			cmp.Compare(a.Labels, b.Labels),
		)
	})
	var rest OmittedRows
	if len(rows) > d.cfg.Rows {
		for _, g := range rows[d.cfg.Rows:] {
			rest.Rows++
			d.change(&rest.Value, g.Count.Before, false)
			d.change(&rest.Value, g.Count.After, true)
		}
		rows = slices.Clone(rows[:d.cfg.Rows])
	}
	return rows, rest
}

// siteOf returns what the census knows about a group. It prefers a site at the
// same line, and takes one without a comparable line otherwise.
func (d *diff) siteOf(g GoroutineGroup) (incident.GoroutineSite, bool) {
	var found incident.GoroutineSite
	ok := false
	for _, s := range d.cfg.Sites {
		if s.Frame.Function != g.Blocked.Function || s.Wait != g.Wait || s.Root != "" && s.Root != g.Root.Function {
			continue
		}
		if s.Frame.Line == g.Blocked.Line {
			return s, true
		}
		if !ok && (s.Frame.Line == 0 || g.Blocked.Line == 0 || !d.byLine) {
			found, ok = s, true
		}
	}
	return found, ok
}

// standingAtLeast reports whether a standing time is known and at least least.
func standingAtLeast(standing, least time.Duration) bool { return standing >= 0 && standing >= least }
