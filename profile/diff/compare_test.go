package diff

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// checkComparison checks what holds for every comparison.
func checkComparison(t *testing.T, c *Comparison) {
	t.Helper()
	checkSums(t, c)
	for _, s := range c.Suspects {
		for _, e := range s.Reasons {
			if strings.HasSuffix(e, ".") || strings.Contains(e, "%!") {
				t.Errorf("evidence %q", e)
			}
		}
	}
	for _, w := range c.Warnings {
		if strings.HasSuffix(w, ".") || strings.Contains(w, "%!") {
			t.Errorf("warning %q", w)
		}
	}
}

// checkSums checks what holds whatever the names in the profiles are.
func checkSums(t *testing.T, c *Comparison) {
	t.Helper()
	lists := map[string]struct {
		rows []Row
		rest OmittedRows
	}{
		"sites": {c.Sites, c.Rest.Sites}, "functions": {c.Functions, c.Rest.Functions},
		"packages": {c.Packages, c.Rest.Packages}, "modules": {c.Modules, c.Rest.Modules},
	}
	clamped := strings.Contains(strings.Join(c.Warnings, "\n"), "out of range")
	for name, list := range lists {
		sum, share := list.rest.Value, 0.0
		for i, g := range list.rows {
			sum.Before += g.Value.Before
			sum.After += g.Value.After
			share += g.Share
			if g.Share < 0 || g.Share > 1 || math.IsNaN(g.Share) || g.Value.Growth() <= 0 && g.Share != 0 {
				t.Errorf("%s: share %v of growth %d", name, g.Share, g.Value.Growth())
			}
			if i > 0 && g.Value.Growth() > list.rows[i-1].Value.Growth() {
				t.Errorf("%s: row %d grew more than the row before", name, i)
			}
			if g.Frame.Module == "" {
				t.Errorf("%s: row %+v has no module", name, g)
			}
		}
		sum.Before, sum.After = sum.Before+c.Guard.Before, sum.After+c.Guard.After // no list has our own
		if sum != c.Total && !clamped {
			t.Errorf("%s sum up to %+v, not %+v", name, sum, c.Total)
		}
		if share > 1.0001 {
			t.Errorf("%s: shares sum up to %v", name, share)
		}
	}
	nodes := 0
	var walk func(n *FlameNode, depth int)
	walk = func(n *FlameNode, depth int) {
		nodes++
		below := int64(0)
		for _, child := range n.Children {
			below += child.Value
			walk(child, depth+1)
		}
		if n.Value <= 0 || below > n.Value && !clamped || depth > mostFlameDepth {
			t.Errorf("flame: %s at depth %d has %d and its children %d", n.Name, depth, n.Value, below)
		}
	}
	if c.Flame != nil {
		walk(c.Flame, 0)
		if c.Flame.Value < c.Total.Growth()-c.Guard.Growth() && !clamped {
			t.Errorf("flame: %d, less than the growth of %d", c.Flame.Value, c.Total.Growth())
		}
	}
	if nodes > mostFlameNodes {
		t.Errorf("flame: %d nodes", nodes)
	}
	if len(c.Suspects) > mostSuspects {
		t.Errorf("%d suspects", len(c.Suspects))
	}
	for i, s := range c.Suspects {
		if !(s.Confidence > 0 && s.Confidence <= 1) || i > 0 && s.Confidence > c.Suspects[i-1].Confidence {
			t.Errorf("suspect %d has confidence %v", i, s.Confidence)
		}
		if len(s.Reasons) == 0 {
			t.Errorf("suspect %+v without evidence", s)
		}
		for _, e := range s.Reasons {
			if e == "" {
				t.Error("empty evidence")
			}
		}
	}
	if slices.Contains(c.Warnings, "") {
		t.Error("an empty warning")
	}
}

func compared(t *testing.T, base, now *pprofile.Profile, cfg Config) *Comparison {
	t.Helper()
	c, err := Compare(base, now, cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkComparison(t, c)
	return c
}

const shop = "github.com/acme/shop"

func TestCompareHeap(t *testing.T) {
	const mib = 1 << 20
	base := profiletest.StackOf(profile.Heap.String(), map[string]int64{
		"bytes.growSlice github.com/dep/lib.Encode:7 " + shop + "/storage.Put:85 " + shop + "/web.Serve:5 net/http.serve": 8 * mib,
		shop + "/web.Cache:20 " + shop + "/web.Serve:5 net/http.serve":                                                    8 * mib,
		"net/http.newBufio net/http.serve":                                                                                4 * mib,
		"encoding/json.Marshal github.com/dep/lib.Background:9":                                                           2 * mib,
		shop + "/web.Freed:30 " + shop + "/web.Serve:5 net/http.serve":                                                    3 * mib,
	})
	now := profiletest.StackOf(profile.Heap.String(), map[string]int64{
		"bytes.growSlice github.com/dep/lib.Encode:7 " + shop + "/storage.Put:85 " + shop + "/web.Serve:5 net/http.serve": 170 * mib,
		shop + "/storage.Put:86 " + shop + "/web.Serve:5 net/http.serve":                                                  10 * mib,
		shop + "/web.Cache:20 " + shop + "/web.Serve:5 net/http.serve":                                                    10 * mib,
		"net/http.newBufio net/http.serve":                                                                                4 * mib,
		"encoding/json.Marshal github.com/dep/lib.Background:9":                                                           3 * mib,
		shop + "/web.Freed:30 " + shop + "/web.Serve:5 net/http.serve":                                                    1 * mib,
	})
	now.TimeNanos += int64(6 * time.Hour)
	c := compared(t, base, now, Config{MainModule: shop})
	if c.Unit != profile.UnitBytes || !c.HasBase || c.Total != (incident.Change{Before: 25 * mib, After: 198 * mib}) || c.Objects != (incident.Change{Before: 25 << 10, After: 198 << 10}) || len(c.Warnings) != 0 {
		t.Errorf("the whole: %+v", c)
	}
	first := Row{
		Frame: profile.Frame{Function: shop + "/storage.Put", File: "/src/" + shop + "/storage/x.go", Line: 85, Package: shop + "/storage", Module: shop},
		Value: incident.Change{Before: 8 * mib, After: 180 * mib}, Objects: incident.Change{Before: 8 << 10, After: 180 << 10}, Share: 172.0 / 175,
	}
	if got := c.Sites[0]; got != first {
		t.Errorf("the first site is\n%+v, want\n%+v", got, first)
	}
	if got := rowOf(c.Sites, "github.com/dep/lib.Background"); got.Value != (incident.Change{Before: 2 * mib, After: 3 * mib}) || got.Frame.Module != "github.com/dep/lib" {
		t.Errorf("a dependency's own: %+v", got)
	}
	if got := rowOf(c.Functions, "bytes.growSlice"); got.Value.Growth() != 162*mib || got.Frame.Module != "std" {
		t.Errorf("the leaf: %+v", got)
	}
	if last := c.Sites[len(c.Sites)-1]; last.Frame.Function != shop+"/web.Freed" || last.Value.Growth() != -2*mib || last.Share != 0 {
		t.Errorf("what shrank: %+v", last)
	}
	if got := c.Modules[0]; got.Frame != (profile.Frame{Module: "github.com/dep/lib"}) || got.Value != (incident.Change{Before: 10 * mib, After: 173 * mib}) || len(c.Modules) != 3 {
		t.Errorf("modules: %+v", c.Modules)
	}
	if got := c.Packages[0]; got.Frame != (profile.Frame{Module: shop, Package: shop + "/storage"}) || got.Value.Growth() != 172*mib {
		t.Errorf("packages: %+v", c.Packages)
	}
	serve := c.Flame.Children[0]
	if c.Flame.Value != 175*mib || serve.Name != "net/http.serve" || serve.Value != 174*mib || serve.Children[0].Children[0].Name != shop+"/storage.Put" {
		t.Errorf("flame: %+v, %+v", c.Flame, serve)
	}
	s := c.Suspects[0]
	if s.Frame != first.Frame || s.Share != first.Share || s.Unit != profile.UnitBytes || s.Standing >= 0 || s.Confidence < 0.7 || s.Confidence > mostHeap {
		t.Errorf("the first suspect is %+v", s)
	}
	want := []string{
		"grew from 8.0 MiB to 180.0 MiB in 6 h", "98% of the heap growth", "176,128 more objects, now 1.0 KiB each on average",
		"estimated from about 360 samples: error ±5.3%", "allocates through bytes.growSlice",
	}
	if !slices.Equal(s.Reasons, want) {
		t.Errorf("evidence:\n%q, want\n%q", s.Reasons, want)
	}
	for _, s := range c.Suspects[1:] {
		if s.Confidence > 0.3 {
			t.Errorf("%s grew by %v: confidence %.2f, want it low", s.Frame.Function, profile.Bytes(s.Value.Growth()), s.Confidence)
		}
	}
}

func rowOf(rows []Row, function string) Row {
	for _, g := range rows {
		if g.Frame.Function == function {
			return g
		}
	}
	return Row{}
}

func TestCompareWithoutBaseOnlyGuesses(t *testing.T) {
	for _, k := range []profile.Kind{profile.Heap, profile.Goroutine} {
		now := profiletest.StackOf(k.String(), map[string]int64{receiving + "main.f:3 main.main": 1 << 30})
		if s := compared(t, nil, now, Config{}).Suspects; len(s) != 1 || s[0].Confidence != mostWithoutBase {
			t.Errorf("%v: suspects %+v", k, s)
		}
	}
}

func TestCompareCPUAtOneDuration(t *testing.T) {
	base := profiletest.StackOf(profile.CPU.String(), map[string]int64{"runtime.mallocgc main.work": 10e9, "main.idle": 1e9})
	now := profiletest.StackOf(profile.CPU.String(), map[string]int64{"runtime.mallocgc main.work": 5e9, "main.idle": 4e9})
	base.DurationNanos = 20e9
	c := compared(t, base, now, Config{})
	if c.Unit != profile.UnitNS || rowOf(c.Sites, "main.work").Value.Growth() != 0 || rowOf(c.Functions, "runtime.mallocgc").Value != (incident.Change{Before: 5e9, After: 5e9}) {
		t.Errorf("at 20 s and 10 s: %+v", c.Sites)
	}
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "the baseline covers 20s, the profile 10s") {
		t.Errorf("warnings %q", c.Warnings)
	}
	if s := c.Suspects; len(s) != 1 || s[0].Frame.Function != "main.idle" || s[0].Confidence > mostCPU {
		t.Errorf("suspects %+v", s)
	}
	base.DurationNanos = 0
	if c := compared(t, base, now, Config{}); rowOf(c.Sites, "main.work").Value.Growth() != -5e9 || !strings.Contains(strings.Join(c.Warnings, "\n"), "compared unscaled") {
		t.Errorf("without a duration: %+v", c)
	}
}

func TestCompareShowsLinesOfNow(t *testing.T) {
	build := func(line, id string, value int64) *pprofile.Profile {
		p := profiletest.StackOf(profile.Heap.String(), map[string]int64{"main.f:" + line + " main.main": value, "main.f:7 main.main": 90 << 20})
		p.Mapping = []*pprofile.Mapping{{ID: 1, File: "/srv/shop", BuildID: id}}
		return p
	}
	// In one build line 7 did not grow. In another it may be any line, so the
	// largest line of the newer profile is shown.
	if got := compared(t, build("9", "1", 1<<20), build("9", "1", 80<<20), Config{}).Sites[0]; got.Frame.Line != 9 || got.Value.Growth() != 79<<20 {
		t.Errorf("of one build: %+v", got)
	}
	if got := compared(t, build("8", "1", 1<<20), build("9", "2", 80<<20), Config{}).Sites[0]; got.Frame.Line != 7 || got.Value.Growth() != 79<<20 {
		t.Errorf("of two builds: %+v", got)
	}
	long := "main." + strings.Repeat("f", 5000)
	if got := compared(t, nil, profiletest.StackOf(profile.Heap.String(), map[string]int64{long: 1 << 20}), Config{}).Sites[0].Frame.Function; got != long[:maxNameBytes] {
		t.Errorf("a long name has %d bytes", len(got))
	}
}

func TestCompareCutsLists(t *testing.T) {
	values := make(map[string]int64)
	for i := range 70 {
		values[fmt.Sprintf("example%d.org/p/q.f%d", i, i)] = int64(i+1) << 20
	}
	c := compared(t, nil, profiletest.StackOf(profile.Heap.String(), values), Config{})
	if len(c.Sites) != 50 || c.Rest.Sites.Rows != 20 || c.Rest.Sites.Value != (incident.Change{Before: 0, After: 210 << 20}) || c.Rest.Modules.Rows != 20 {
		t.Errorf("%d sites and %+v, want 50 and the rest", len(c.Sites), c.Rest)
	}
}

func TestCompareSurvivesAbsurdValues(t *testing.T) {
	now := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{"main.a": math.MaxInt64, "main.b": math.MaxInt64, "main.c": math.MinInt64, "main.d": -5})
	base := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{"main.a": math.MinInt64, "main.b": math.MinInt64})
	c := compared(t, base, now, Config{})
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "out of range") {
		t.Errorf("warnings %q", c.Warnings)
	}
}
