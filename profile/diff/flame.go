package diff

import (
	"cmp"
	"slices"

	pprofile "github.com/google/pprof/profile"
)

// flameStacks holds the stacks of both profiles with what each added, negative
// in the baseline. Sorting brings equal stacks together; a tree with a map in
// each node would take ten times the memory.
type flameStacks struct {
	frames []int32 // of all stacks, root first
	stacks []flameStack
	cut    int64 // number of stacks that did not fit
}

type flameStack struct {
	start, end int32
	grown      int64
}

// maxFlameFrames bounds the memory for frames, 4 bytes each: 800,000 stacks of
// 20 frames. Stacks beyond it are in all lists but not in the tree.
const maxFlameFrames = 16 << 20

// reserve allocates all memory at once, because lists that double would need
// three times as much.
func (f *flameStacks) reserve(profiles ...*pprofile.Profile) {
	frames, stacks := 0, 0
	for _, p := range profiles {
		if p == nil {
			continue
		}
		stacks += len(p.Sample)
		for _, s := range p.Sample {
			depth := 0
			for _, l := range s.Location {
				if depth += max(1, len(l.Line)); depth >= mostFlameDepth {
					depth = mostFlameDepth
					break
				}
			}
			frames += depth
		}
	}
	f.frames = make([]int32, 0, min(frames, maxFlameFrames))
	f.stacks = make([]flameStack, 0, stacks)
}

// add adds a stack, leaf first. It cuts a deep stack to its outermost frames
// and counts the rest there.
func (f *flameStacks) add(stack []call, grown int64) {
	start := len(f.frames)
	if start+min(len(stack), mostFlameDepth) > maxFlameFrames {
		f.cut++
		return
	}
	for i := len(stack) - 1; i >= max(0, len(stack)-mostFlameDepth); i-- {
		f.frames = append(f.frames, stack[i].fn)
	}
	f.stacks = append(f.stacks, flameStack{int32(start), int32(len(f.frames)), grown})
}

func (f *flameStacks) path(s flameStack) []int32 { return f.frames[s.start:s.end] }

// flame returns the tree of what grew. The value of a node is the growth at it
// and below it. What shrank is left out, so the tree may add up to more than
// the net growth. Nodes below 0.05% of the total are counted in their parents;
// the threshold rises while there are too many nodes.
func (d *diff) flame() *FlameNode {
	f := &d.flames
	slices.SortFunc(f.stacks, func(a, b flameStack) int { return slices.Compare(f.path(a), f.path(b)) })
	total, _, _ := d.flameTree(-1)
	if total <= 0 {
		return nil
	}
	for least := max(1, int64(float64(total)*minFlameShare)); ; least *= 2 {
		_, root, nodes := d.flameTree(least)
		if nodes <= mostFlameNodes {
			*f = flameStacks{cut: f.cut}
			return root
		}
	}
}

// flameTree walks the sorted stacks and makes the nodes with a value of at
// least least. If least is negative it makes none and returns the total only.
func (d *diff) flameTree(least int64) (total int64, root *FlameNode, nodes int) {
	type open struct {
		fn          int32
		self, below int64
		children    []*FlameNode
	}
	f := &d.flames
	path := make([]open, 1, mostFlameDepth+1)
	closeTo := func(depth int) {
		for len(path)-1 > depth {
			o := path[len(path)-1]
			path = path[:len(path)-1]
			value := o.below
			d.sum(&value, max(0, o.self))
			if value <= 0 {
				continue
			}
			parent := &path[len(path)-1]
			d.sum(&parent.below, value)
			if least >= 0 && value >= least {
				parent.children = append(parent.children, flameNode(d.x.functions[o.fn].name, value, o.children))
				nodes++
			}
		}
	}
	var last []int32
	for _, s := range f.stacks {
		at := f.path(s)
		common := 0
		for common < len(last) && common < len(at) && last[common] == at[common] {
			common++
		}
		closeTo(common)
		for _, fn := range at[common:] {
			path = append(path, open{fn: fn})
		}
		d.sum(&path[len(path)-1].self, s.grown)
		last = at
	}
	closeTo(0)
	return path[0].below, flameNode("all", path[0].below, path[0].children), nodes + 1
}

func flameNode(name string, value int64, children []*FlameNode) *FlameNode {
	slices.SortFunc(children, func(a, b *FlameNode) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name))
	})
	return &FlameNode{Name: name, Value: value, Children: children}
}
