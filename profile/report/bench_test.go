package report

import (
	"fmt"
	"io"
	"testing"

	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// large is a comparison of the largest size that Compare returns.
func large() Input {
	e := seedCase()
	for i := range 50 {
		f := ours(fmt.Sprintf("pkg%d", i), "(*T).Method", "file.go", i)
		e.Heap.Sites = append(e.Heap.Sites, diff.Row{Frame: f, Value: incident.Change{Before: 0, After: mib}, Share: 0.01})
		e.Goroutine.Goroutines = append(e.Goroutine.Goroutines, diff.GoroutineGroup{Wait: "select", Blocked: f, Root: f, Count: incident.Change{Before: 1, After: 2}})
	}
	root := &diff.FlameNode{Name: "all", Value: 3000}
	for i := range 100 {
		at := root
		for j := range 30 {
			child := &diff.FlameNode{Name: fmt.Sprintf("example.com/acme/shop/pkg%d.(*T).Method%d", i, j), Value: 30}
			at.Children = append(at.Children, child)
			at = child
		}
	}
	e.Heap.Flame = root
	return e
}

func BenchmarkExplain(b *testing.B) {
	e := large()
	b.ReportAllocs()
	for b.Loop() {
		Explain(e)
	}
}

func BenchmarkWriteReport(b *testing.B) {
	for _, form := range forms {
		b.Run(form.ext[1:], func(b *testing.B) {
			r := Explain(large())
			b.ReportAllocs()
			for b.Loop() {
				if err := form.write(r, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
