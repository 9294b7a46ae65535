package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// The largest flame graph to draw. Frames beyond are thinner than a pixel, or
// further down than anybody scrolls.
const (
	maxFlameDepth = 128
	maxFlameNodes = 4000
	maxFlameName  = 200
)

// flame is the graph of what grew, cut to what can be drawn.
type flame struct {
	kind  profile.Kind
	unit  profile.Unit
	root  *diff.FlameNode
	path  []diff.FlameNode // from the root down the widest frames, for readers who cannot see the graph
	nodes int
	cut   int // least number of omitted nodes
}

func (r *Report) flame() section {
	c := r.Heap
	if c == nil || c.Flame == nil || c.Flame.Value <= 0 {
		if c = r.Goroutine; c == nil || c.Flame == nil || c.Flame.Value <= 0 {
			return section{}
		}
	}
	f := &flame{kind: c.Kind, unit: c.Unit}
	f.prune(c.Flame, maxFlameNodes)
	var what string
	switch {
	case c.Unit == profile.UnitCount && c.HasBase:
		what = "Stacks of the added goroutines"
	case c.Unit == profile.UnitCount:
		what = "Stacks of all goroutines"
	case c.HasBase:
		what = "Call paths of the heap growth"
	default:
		what = "Call paths of the heap in use"
	}
	return section{id: "flame", title: "Flame graph of the growth", weight: 14, blocks: []block{{
		lead: fmt.Sprintf("%s: %s in total. The wider a frame, the more it grew; frames that shrank are not shown.", what, growth(incident.Change{Before: 0, After: f.root.Value}, c.Unit)), flame: f}}}
}

// prune copies the tree down to what can be drawn: the widest frames, at most
// most of them. It finds the value that so many frames reach.
func (f *flame) prune(root *diff.FlameNode, most int) {
	var values []int64
	var collect func(n *diff.FlameNode, depth int)
	collect = func(n *diff.FlameNode, depth int) {
		if n == nil || n.Value <= 0 {
			return
		}
		if depth > maxFlameDepth || len(values) >= 64*maxFlameNodes {
			f.cut++
			return
		}
		values = append(values, n.Value)
		for _, c := range n.Children {
			collect(c, depth+1)
		}
	}
	collect(root, 0)
	least := root.Value / 2000 // half a pixel on a desktop
	if len(values) > most {
		slices.Sort(values)
		least = max(least, values[len(values)-1-most])
	}
	left := most
	var keep func(n *diff.FlameNode, depth int) *diff.FlameNode
	keep = func(n *diff.FlameNode, depth int) *diff.FlameNode {
		left--
		k := &diff.FlameNode{Name: words.Printable(words.CutMiddle(n.Name, maxFlameName)), Value: n.Value}
		for _, c := range n.Children {
			switch {
			case c == nil || c.Value <= 0:
			case depth >= maxFlameDepth || left <= 0 || c.Value < least:
				f.cut++
			default:
				k.Children = append(k.Children, keep(c, depth+1))
			}
		}
		return k
	}
	f.root = keep(root, 0)
	f.nodes = most - left
	f.path = nil
	for n, i := f.root, 0; i < 24; i++ {
		f.path = append(f.path, diff.FlameNode{Name: n.Name, Value: n.Value})
		if len(n.Children) == 0 {
			break
		}
		n = slices.MaxFunc(n.Children, func(a, b *diff.FlameNode) int { return cmp.Compare(a.Value, b.Value) })
	}
}

// note says what was cut.
func (f *flame) note() string {
	if f.cut == 0 {
		return ""
	}
	return fmt.Sprintf("At least %s frames too small to see are omitted.", profile.Count(f.cut))
}
