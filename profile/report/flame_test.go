package report

import (
	"strings"
	"testing"

	"github.com/leakguard/leakguard/profile/diff"
)

// A stack as deep as memory allows is cut rather than followed.
func TestDeepFlame(t *testing.T) {
	root := &diff.FlameNode{Name: "all", Value: 1 << 30}
	at := root
	for range 1_000_000 {
		child := &diff.FlameNode{Name: "f", Value: 1 << 30}
		at.Children = []*diff.FlameNode{child}
		at = child
	}
	e := heapCase()
	e.Heap.Flame = root
	page := render(t, e)[".html"]
	if !strings.Contains(page, "frames too small to see are omitted") {
		t.Error("the page does not say that the stack is cut")
	}
	depth := 0
	for n := checkData(t, page).Flame; n != nil; depth++ {
		if len(n.Children) == 0 {
			break
		}
		n = n.Children[0]
	}
	if depth != maxFlameDepth {
		t.Errorf("%d frames on top of each other are drawn, want %d", depth, maxFlameDepth)
	}
}

// Names that are long, and longer once escaped, cost the graph its smallest
// frames rather than break the page's size limit.
func TestWideFlame(t *testing.T) {
	root := &diff.FlameNode{Name: "all", Value: 1500 << 20}
	for i := range 1500 {
		value := int64(1<<20 - i%10)
		root.Children = append(root.Children, &diff.FlameNode{Name: strings.Repeat("<", 300), Value: value,
			Children: []*diff.FlameNode{{Name: strings.Repeat("&", 300), Value: value}}})
	}
	e := heapCase()
	e.Heap.Flame = root
	d := checkData(t, render(t, e)[".html"])
	if n := len(d.Flame.Children); n < 100 || n > 1000 {
		t.Errorf("%d frames are drawn, want some hundreds", n)
	}
}
