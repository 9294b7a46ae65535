package profile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/frames"
)

// checkComparison checks what holds for each comparison.
func checkComparison(t *testing.T, c *Comparison) {
	t.Helper()
	lists := map[string]struct {
		rows []Growth
		rest Remainder
	}{
		"sites": {c.Sites, c.Rest.Sites}, "functions": {c.Functions, c.Rest.Functions},
		"packages": {c.Packages, c.Rest.Packages}, "modules": {c.Modules, c.Rest.Modules},
	}
	clamped := strings.Contains(strings.Join(c.Warnings, "\n"), "too large to be summed")
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
		if c.Flame.Value < c.Total.Growth() && !clamped {
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
		if len(s.Evidence) == 0 {
			t.Errorf("suspect %+v without evidence", s)
		}
		for _, e := range s.Evidence {
			if e == "" || strings.HasSuffix(e, ".") || strings.Contains(e, "%!") {
				t.Errorf("evidence %q", e)
			}
		}
	}
	for _, w := range c.Warnings {
		if w == "" || strings.HasSuffix(w, ".") || strings.Contains(w, "%!") {
			t.Errorf("warning %q", w)
		}
	}
}

// stackOf makes a profile of a kind from stacks, each written 'function
// function ...' leaf first; 'function:12' is at line 12. Values are in use,
// goroutines or nanoseconds; a heap's objects have 1 KiB.
func stackOf(k Kind, values map[string]int64) *pprofile.Profile {
	p := &pprofile.Profile{TimeNanos: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixNano(), PeriodType: &pprofile.ValueType{}}
	switch k {
	case Heap:
		p.SampleType = []*pprofile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}
		p.Period = 512 << 10
	case CPU:
		p.SampleType = []*pprofile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}
		p.Period, p.DurationNanos = 1e7, 10e9
	default:
		p.SampleType = []*pprofile.ValueType{{Type: k.String(), Unit: "count"}}
		p.Period = 1
	}
	functions := make(map[string]*pprofile.Function)
	places := make(map[string]*pprofile.Location)
	for _, stack := range slices.Sorted(maps.Keys(values)) {
		value := values[stack]
		s := &pprofile.Sample{Value: []int64{value}}
		if k == Heap || k == CPU {
			s.Value = []int64{value >> 10, value}
		}
		stack, label, _ := strings.Cut(stack, " # ")
		if key, v, ok := strings.Cut(label, "="); ok {
			s.Label = map[string][]string{key: {v}}
		}
		for _, place := range strings.Fields(stack) {
			l := places[place]
			if l == nil {
				name, number, _ := strings.Cut(place, ":")
				line, _ := strconv.Atoi(number)
				f := functions[name]
				if f == nil {
					file := "/src/" + frames.PackageOf(name) + "/x.go"
					if strings.HasPrefix(name, "github.com/dep/") {
						file = "/go/pkg/mod/github.com/dep/lib@v1.0.0/x.go"
					}
					f = &pprofile.Function{ID: uint64(len(functions) + 1), Name: name, Filename: file}
					functions[name] = f
					p.Function = append(p.Function, f)
				}
				l = &pprofile.Location{ID: uint64(len(places) + 1), Line: []pprofile.Line{{Function: f, Line: int64(line)}}}
				places[place] = l
				p.Location = append(p.Location, l)
			}
			s.Location = append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

func compared(t *testing.T, base, now *pprofile.Profile, cfg CompareConfig) *Comparison {
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
	base := stackOf(Heap, map[string]int64{
		"bytes.growSlice github.com/dep/lib.Encode:7 " + shop + "/storage.Put:85 " + shop + "/web.Serve:5 net/http.serve": 8 * mib,
		shop + "/web.Cache:20 " + shop + "/web.Serve:5 net/http.serve":                                                    8 * mib,
		"net/http.newBufio net/http.serve":                                                                                4 * mib,
		"encoding/json.Marshal github.com/dep/lib.Background:9":                                                           2 * mib,
		shop + "/web.Freed:30 " + shop + "/web.Serve:5 net/http.serve":                                                    3 * mib,
	})
	now := stackOf(Heap, map[string]int64{
		"bytes.growSlice github.com/dep/lib.Encode:7 " + shop + "/storage.Put:85 " + shop + "/web.Serve:5 net/http.serve": 170 * mib,
		shop + "/storage.Put:86 " + shop + "/web.Serve:5 net/http.serve":                                                  10 * mib,
		shop + "/web.Cache:20 " + shop + "/web.Serve:5 net/http.serve":                                                    10 * mib,
		"net/http.newBufio net/http.serve":                                                                                4 * mib,
		"encoding/json.Marshal github.com/dep/lib.Background:9":                                                           3 * mib,
		shop + "/web.Freed:30 " + shop + "/web.Serve:5 net/http.serve":                                                    1 * mib,
	})
	now.TimeNanos += int64(6 * time.Hour)
	c := compared(t, base, now, CompareConfig{MainModule: shop})
	if c.Unit != UnitBytes || !c.HasBase || c.Total != (Change{25 * mib, 198 * mib}) || c.Objects != (Change{25 << 10, 198 << 10}) || len(c.Warnings) != 0 {
		t.Errorf("the whole: %+v", c)
	}
	first := Growth{
		Frame: Frame{Function: shop + "/storage.Put", File: "/src/" + shop + "/storage/x.go", Line: 85, Package: shop + "/storage", Module: shop},
		Value: Change{8 * mib, 180 * mib}, Objects: Change{8 << 10, 180 << 10}, Share: 172.0 / 175,
	}
	if got := c.Sites[0]; got != first {
		t.Errorf("the first site is\n%+v, want\n%+v", got, first)
	}
	if got := rowOf(c.Sites, "github.com/dep/lib.Background"); got.Value != (Change{2 * mib, 3 * mib}) || got.Frame.Module != "github.com/dep/lib" {
		t.Errorf("a dependency's own: %+v", got)
	}
	if got := rowOf(c.Functions, "bytes.growSlice"); got.Value.Growth() != 162*mib || got.Frame.Module != "std" {
		t.Errorf("the leaf: %+v", got)
	}
	if last := c.Sites[len(c.Sites)-1]; last.Frame.Function != shop+"/web.Freed" || last.Value.Growth() != -2*mib || last.Share != 0 {
		t.Errorf("what shrank: %+v", last)
	}
	if got := c.Modules[0]; got.Frame != (Frame{Module: shop}) || got.Value != (Change{19 * mib, 191 * mib}) || len(c.Modules) != 3 {
		t.Errorf("modules: %+v", c.Modules)
	}
	if got := c.Packages[0]; got.Frame != (Frame{Module: shop, Package: shop + "/storage"}) || got.Value.Growth() != 172*mib {
		t.Errorf("packages: %+v", c.Packages)
	}
	serve := c.Flame.Children[0]
	if c.Flame.Value != 175*mib || serve.Name != "net/http.serve" || serve.Value != 174*mib || serve.Children[0].Children[0].Name != shop+"/storage.Put" {
		t.Errorf("flame: %+v, %+v", c.Flame, serve)
	}
	s := c.Suspects[0]
	if s.Frame != first.Frame || s.Share != first.Share || s.Unit != UnitBytes || s.Standing >= 0 || s.Confidence < 0.7 || s.Confidence > mostHeap {
		t.Errorf("the first suspect is %+v", s)
	}
	want := []string{
		"grew from 8.0 MiB to 180.0 MiB in 6h", "98% of all growth of the heap", "176,128 objects more, of 1.0 KiB each on average",
		"about 360 samples: sampling error ±5.3%", "it allocates through bytes.growSlice",
	}
	if !slices.Equal(s.Evidence, want) {
		t.Errorf("evidence:\n%q, want\n%q", s.Evidence, want)
	}
	for _, s := range c.Suspects[1:] {
		if s.Confidence > 0.3 {
			t.Errorf("%s grew by %v: confidence %.2f, want it low", s.Frame.Function, Bytes(s.Value.Growth()), s.Confidence)
		}
	}
}

func rowOf(rows []Growth, function string) Growth {
	for _, g := range rows {
		if g.Frame.Function == function {
			return g
		}
	}
	return Growth{}
}

func TestCompareGuessesTheMainModule(t *testing.T) {
	now := stackOf(Heap, map[string]int64{
		"github.com/dep/lib.Do main.main runtime.main":             1 << 20,
		"github.com/dep/lib.Do " + shop + "/storage.Put main.main": 1 << 20,
		"strings.Builder.Grow " + shop + "/storage.Get main.main":  1 << 20,
		"github.com/other/tool/sub.Run " + "net/http.serve":        1 << 20,
	})
	c := compared(t, nil, now, CompareConfig{})
	if got := rowOf(c.Sites, "main.main").Frame.Module; got != shop {
		t.Errorf("package main is of module %q, want %q", got, shop)
	}
	if got := rowOf(c.Sites, "github.com/other/tool/sub.Run").Frame.Module; got != "github.com/other/tool" {
		t.Errorf("a module in a workspace: %q", got)
	}
	if got := rowOf(c.Sites, "github.com/dep/lib.Do"); got.Value.After != 0 {
		t.Errorf("a dependency is a site although the user's code called it: %+v", got)
	}
	for _, s := range c.Suspects {
		if s.Confidence >= 0.5 {
			t.Errorf("without a baseline: confidence %v", s.Confidence)
		}
	}
}

func TestCompareWithoutBaseOnlyGuesses(t *testing.T) {
	for _, k := range []Kind{Heap, Goroutine} {
		now := stackOf(k, map[string]int64{receiving + "main.f:3 main.main": 1 << 30})
		if s := compared(t, nil, now, CompareConfig{}).Suspects; len(s) != 1 || s[0].Confidence != mostWithoutBase {
			t.Errorf("%v: suspects %+v", k, s)
		}
	}
}

func TestCompareRefusesAndWarns(t *testing.T) {
	heap := stackOf(Heap, map[string]int64{"main.f": 40 << 20})
	goroutines := stackOf(Goroutine, map[string]int64{"main.f": 4})
	mutex := &pprofile.Profile{SampleType: []*pprofile.ValueType{{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}}}
	with := func(change func(p *pprofile.Profile)) *pprofile.Profile {
		p := heap.Copy()
		change(p)
		return p
	}
	for name, tt := range map[string]struct {
		base, now *pprofile.Profile
		want      error
		say       string
	}{
		"nothing":      {nil, nil, ErrKind, "no profile"},
		"another kind": {heap, goroutines, ErrKind, "base is a heap profile and the other a goroutine profile"},
		"mutex":        {nil, mutex, ErrKind, "contentions/count"},
		"mutex base":   {mutex, heap, ErrKind, "base"},
		"empty":        {heap, stackOf(Heap, nil), ErrNoSamples, "nothing to compare"},
		"no values":    {nil, with(func(p *pprofile.Profile) { p.Sample[0].Value = nil }), ErrNotProfile, "as many values"},
		"no place":     {heap, with(func(p *pprofile.Profile) { p.Sample[0].Location[0] = nil }), ErrNotProfile, "place"},
	} {
		c, err := Compare(tt.base, tt.now, CompareConfig{})
		if c != nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.say) || !strings.HasPrefix(err.Error(), "profile: compare: ") {
			t.Errorf("%s: %v, want an error that is %v and says %q", name, err, tt.want, tt.say)
		}
	}
	if c := compared(t, nil, stackOf(GoroutineLeak, nil), CompareConfig{}); len(c.Suspects) != 0 || c.Flame != nil {
		t.Errorf("no leaks: %+v", c)
	}

	binary := func(file, id string) func(*pprofile.Profile) {
		return func(p *pprofile.Profile) { p.Mapping = []*pprofile.Mapping{{ID: 1, File: file, BuildID: id}} }
	}
	for say, tt := range map[string]struct {
		base, now *pprofile.Profile
		cfg       CompareConfig
	}{
		"there is no baseline: everything counts as growth": {nil, heap, CompareConfig{}},
		"the baseline is empty":                             {stackOf(Heap, nil), heap, CompareConfig{}},
		"are they swapped":                                  {with(func(p *pprofile.Profile) { p.TimeNanos += 1e12 }), heap, CompareConfig{}},
		"of another program: cart, not shop":                {with(binary("/srv/cart", "1")), with(binary("/srv/shop", "2")), CompareConfig{}},
		"of another build":                                  {with(binary("/srv/shop", "1")), with(binary("/opt/shop (deleted)", "2")), CompareConfig{}},
		"the sampling rates differ, 1 B and 512.0 KiB":      {with(func(p *pprofile.Profile) { p.Period = 1 }), heap, CompareConfig{}},
		"hides objects of which less than about 512.0 KiB":  {heap, heap, CompareConfig{}},
		"stale by one GC cycle":                             {heap, heap, CompareConfig{StaleCycles: 1}},
		"stale by two GC cycles":                            {heap, heap, CompareConfig{StaleCycles: 2}},
		"stale by 12 GC cycles":                             {heap, heap, CompareConfig{StaleCycles: 12}},
		"outside the Go heap: the memory of the process grew by 100.0 MiB, what is in use on the heap grew by 0 B": {heap, heap, CompareConfig{MemoryGrowth: 100 << 20}},
	} {
		c := compared(t, tt.base, tt.now, tt.cfg)
		n := 0
		for _, w := range c.Warnings {
			if strings.Contains(w, say) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("warnings %q, want one that says %q", c.Warnings, say)
		}
	}
	calm := compared(t, with(func(p *pprofile.Profile) { p.Sample[0].Value[1] = 1 << 20 }), heap, CompareConfig{MemoryGrowth: 80 << 20})
	if len(calm.Warnings) != 0 {
		t.Errorf("nothing to warn of: %q", calm.Warnings)
	}
}

func TestCompareCPUAtOneDuration(t *testing.T) {
	base := stackOf(CPU, map[string]int64{"runtime.mallocgc main.work": 10e9, "main.idle": 1e9})
	now := stackOf(CPU, map[string]int64{"runtime.mallocgc main.work": 5e9, "main.idle": 4e9})
	base.DurationNanos = 20e9
	c := compared(t, base, now, CompareConfig{})
	if c.Unit != UnitNS || rowOf(c.Sites, "main.work").Value.Growth() != 0 || rowOf(c.Functions, "runtime.mallocgc").Value != (Change{5e9, 5e9}) {
		t.Errorf("at 20 s and 10 s: %+v", c.Sites)
	}
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "the baseline lasted 20s, the profile 10s") {
		t.Errorf("warnings %q", c.Warnings)
	}
	if s := c.Suspects; len(s) != 1 || s[0].Frame.Function != "main.idle" || s[0].Confidence > mostCPU {
		t.Errorf("suspects %+v", s)
	}
	base.DurationNanos = 0
	if c := compared(t, base, now, CompareConfig{}); rowOf(c.Sites, "main.work").Value.Growth() != -5e9 || !strings.Contains(strings.Join(c.Warnings, "\n"), "compared as they are") {
		t.Errorf("without a duration: %+v", c)
	}
}

func TestCompareShowsLinesOfNow(t *testing.T) {
	build := func(line, id string, value int64) *pprofile.Profile {
		p := stackOf(Heap, map[string]int64{"main.f:" + line + " main.main": value, "main.f:7 main.main": 90 << 20})
		p.Mapping = []*pprofile.Mapping{{ID: 1, File: "/srv/shop", BuildID: id}}
		return p
	}
	// In one build line 7 has not grown. In another it may be any line: the
	// largest of now is as good as can be.
	if got := compared(t, build("9", "1", 1<<20), build("9", "1", 80<<20), CompareConfig{}).Sites[0]; got.Frame.Line != 9 || got.Value.Growth() != 79<<20 {
		t.Errorf("of one build: %+v", got)
	}
	if got := compared(t, build("8", "1", 1<<20), build("9", "2", 80<<20), CompareConfig{}).Sites[0]; got.Frame.Line != 7 || got.Value.Growth() != 79<<20 {
		t.Errorf("of two builds: %+v", got)
	}
	long := "main." + strings.Repeat("f", 5000)
	if got := compared(t, nil, stackOf(Heap, map[string]int64{long: 1 << 20}), CompareConfig{}).Sites[0].Frame.Function; got != long[:maxNameBytes] {
		t.Errorf("a long name has %d bytes", len(got))
	}
}

func TestCompareCutsLists(t *testing.T) {
	values := make(map[string]int64)
	for i := range 70 {
		values[fmt.Sprintf("example%d.org/p/q.f%d", i, i)] = int64(i+1) << 20
	}
	c := compared(t, nil, stackOf(Heap, values), CompareConfig{})
	if len(c.Sites) != 50 || c.Rest.Sites.Rows != 20 || c.Rest.Sites.Value != (Change{0, 210 << 20}) || c.Rest.Modules.Rows != 20 {
		t.Errorf("%d sites and %+v, want 50 and the rest", len(c.Sites), c.Rest)
	}
}

func TestCompareDrawsWhatGrew(t *testing.T) {
	// What main.f itself holds has shrunk, what is below it has grown by more.
	base := stackOf(Heap, map[string]int64{"main.f main.main": 50 << 20, "main.g main.f main.main": 1 << 20, "main.h main.main": 9 << 20})
	now := stackOf(Heap, map[string]int64{"main.f main.main": 10 << 20, "main.g main.f main.main": 101 << 20, "main.h main.main": 2 << 20})
	root := compared(t, base, now, CompareConfig{}).Flame
	if main := root.Children[0]; root.Value != 100<<20 || len(root.Children) != 1 || main.Name != "main.main" || len(main.Children) != 1 ||
		main.Children[0].Name != "main.f" || main.Children[0].Value != 100<<20 || main.Children[0].Children[0].Name != "main.g" {
		t.Errorf("flame %+v", root)
	}
}

func TestCompareBoundsTheFlameGraph(t *testing.T) {
	// 1,500 equal chains of five are 0.07% each, above what is left out.
	chains := make(map[string]int64)
	for i := range 1500 {
		chains[fmt.Sprintf("main.a%d main.b%d main.c%d main.d%d main.e%d main.main", i, i, i, i, i)] = 1 << 20
	}
	compared(t, nil, stackOf(Heap, chains), CompareConfig{})
	c := compareFiles(t, gz(t, heapOf(20_000, 1, 1)), gz(t, heapOf(20_000, 2, 2)))
	checkComparison(t, c)
	deep := stackOf(Heap, map[string]int64{strings.Repeat("main.recurse ", 5000) + "main.main": 1 << 30})
	checkComparison(t, compared(t, nil, deep, CompareConfig{}))
}

func TestCompareSurvivesAbsurdValues(t *testing.T) {
	now := stackOf(Goroutine, map[string]int64{"main.a": math.MaxInt64, "main.b": math.MaxInt64, "main.c": math.MinInt64, "main.d": -5})
	base := stackOf(Goroutine, map[string]int64{"main.a": math.MinInt64, "main.b": math.MinInt64})
	c := compared(t, base, now, CompareConfig{})
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "too large to be summed") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

// TestSiteIsTheOneOfFrames holds the fast search for a site to the plain one.
func TestSiteIsTheOneOfFrames(t *testing.T) {
	names := []string{"runtime.gopark", "sync.(*Mutex).Lock", "net/http.serve", "github.com/dep/lib.Do", shop + ".Do", "internal/poll.x", "malloc"}
	rng := rand.New(rand.NewPCG(1, 2))
	x := newIndex(shop)
	for range 5_000 {
		var calls []call
		var stack []frames.Frame
		for range rng.IntN(6) {
			name := names[rng.IntN(len(names))]
			calls = append(calls, call{fn: x.function(name, "/src/x.go")})
			stack = append(stack, frames.Frame{Function: name, File: "/src/x.go"})
		}
		if got, want := x.site(calls), frames.Site(stack, shop); got != want {
			t.Fatalf("site of %v: %d, want %d", stack, got, want)
		}
	}
}

// TestCompareAllocatesWithinItsBounds: reading and comparing two profiles of
// 50,000 stacks allocates at most 150 MiB, and what is predicted at least.
func TestCompareAllocatesWithinItsBounds(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	for _, stacks := range []int{100, 10_000, 50_000} {
		base, now := gz(t, heapOf(stacks, 1, 1)), gz(t, heapOf(stacks, 1, 2))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		compareFiles(t, base, now)
		runtime.ReadMemStats(&after)
		took, predicted := int64(after.TotalAlloc-before.TotalAlloc), PredictCompare(int64(len(base)), int64(len(now)))
		t.Logf("%d stacks: files of %v, %v allocated, %v predicted", stacks, Bytes(len(base)+len(now)), Bytes(took), Bytes(predicted))
		if took > 150<<20 {
			t.Errorf("%d stacks: %v allocated, want at most 150 MiB", stacks, Bytes(took))
		}
		if took > predicted {
			t.Errorf("%d stacks: %v allocated, more than the %v predicted", stacks, Bytes(took), Bytes(predicted))
		}
	}
	for _, name := range []string{"heap", "allocs", "goroutine"} {
		data := runtimeProfile(t, name, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		compareFiles(t, data, data)
		runtime.ReadMemStats(&after)
		if took, predicted := int64(after.TotalAlloc-before.TotalAlloc), PredictCompare(int64(len(data)), int64(len(data))); took > predicted {
			t.Errorf("%s of this process: %v allocated, more than the %v predicted", name, Bytes(took), Bytes(predicted))
		}
	}
}
