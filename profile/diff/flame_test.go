package diff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

func TestCompareDrawsWhatGrew(t *testing.T) {
	// main.f itself shrank, but its callees grew by more.
	base := profiletest.StackOf(profile.Heap.String(), map[string]int64{"main.f main.main": 50 << 20, "main.g main.f main.main": 1 << 20, "main.h main.main": 9 << 20})
	now := profiletest.StackOf(profile.Heap.String(), map[string]int64{"main.f main.main": 10 << 20, "main.g main.f main.main": 101 << 20, "main.h main.main": 2 << 20})
	root := compared(t, base, now, Config{}).Flame
	if main := root.Children[0]; root.Value != 100<<20 || len(root.Children) != 1 || main.Name != "main.main" || len(main.Children) != 1 ||
		main.Children[0].Name != "main.f" || main.Children[0].Value != 100<<20 || main.Children[0].Children[0].Name != "main.g" {
		t.Errorf("flame %+v", root)
	}
}

func TestCompareBoundsTheFlameGraph(t *testing.T) {
	// 1,500 equal chains of five are 0.07% each, above the threshold for being
	// left out.
	chains := make(map[string]int64)
	for i := range 1500 {
		chains[fmt.Sprintf("main.a%d main.b%d main.c%d main.d%d main.e%d main.main", i, i, i, i, i)] = 1 << 20
	}
	compared(t, nil, profiletest.StackOf(profile.Heap.String(), chains), Config{})
	c := compareFiles(t, profiletest.Encode(t, profiletest.HeapOf(20_000, 1, 1)), profiletest.Encode(t, profiletest.HeapOf(20_000, 2, 2)))
	checkComparison(t, c)
	deep := profiletest.StackOf(profile.Heap.String(), map[string]int64{strings.Repeat("main.recurse ", 5000) + "main.main": 1 << 30})
	checkComparison(t, compared(t, nil, deep, Config{}))
}
