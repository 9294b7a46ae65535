package report

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestExplainTellsTheStoryOfTheSeed(t *testing.T) {
	r := Explain(seedCase())
	if got := r.Suspects[0]; got.Kind != profile.Goroutine || got.Role != incident.RoleCause || got.Frame.Function != "example.com/acme/shop/storage.(*Cache).Put" {
		t.Errorf("first suspect is %v %q with role %q, want the goroutines at storage.(*Cache).Put as the cause candidate", got.Kind, got.Frame.Function, got.Role)
	}
	if got := r.Suspects[1]; got.Kind != profile.Heap || got.Role != incident.RoleGrowsWith || !strings.HasPrefix(got.Reasons[0], "grows with it: about 1.3 MiB per goroutine, r² ") {
		t.Errorf("second suspect is %v with role %q because %q, want Sentry's heap that grows with it", got.Kind, got.Role, got.Reasons)
	}
	if got := r.Suspects[2]; got.Role != incident.RoleAlone {
		t.Errorf("%s has role %q: 8 MiB of 176 do not follow the goroutines", got.Frame.Function, got.Role)
	}
	for _, want := range []string{"134 more goroutines", "storage.(*Cache).Put (storage/storage.go:85)", "cause candidate", "sentry-go"} {
		if !strings.Contains(r.Headline, want) {
			t.Errorf("headline %q does not say %q", r.Headline, want)
		}
	}
}

// relationCases have a suspect of each kind, a history, and whether one grows
// with the other.
func TestExplainClaimsProportionOnlyWhereItIs(t *testing.T) {
	const each = 64 << 10
	pattern := func(i int) int { return 100 + 12*(i/10)*(1+i/20) } // in steps, not with time
	noise := func(i int) profile.Bytes { return profile.Bytes((i*7919)%13) << 10 }
	for _, c := range []struct {
		name       string
		goroutines func(i int) int
		heap       func(i, goroutines int) profile.Bytes
		want       incident.Role
		doubt      bool
	}{
		{"follows", pattern, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(n)*each + noise(i) }, incident.RoleGrowsWith, false},
		{"both rise evenly", func(i int) int { return 100 + 10*i }, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(n)*each + noise(i)*40 }, incident.RoleGrowsWith, true},
		{"heap rises by itself", pattern, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(i)*mib }, incident.RoleAlone, false},
		{"heap steps at another time", pattern, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(i/25)*30*mib }, incident.RoleAlone, false},
		{"heap is flat", pattern, func(i, n int) profile.Bytes { return 50*mib + noise(i) }, incident.RoleAlone, false},
		{"heap falls", pattern, func(i, n int) profile.Bytes { return 200*mib - profile.Bytes(n)*each }, incident.RoleAlone, false},
		{"heap only rises once there are many", pattern, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(max(0, n-300))*each }, incident.RoleAlone, false},
		{"follows loosely", pattern, func(i, n int) profile.Bytes { return 50*mib + profile.Bytes(n)*each + profile.Bytes(i%2)*6*mib }, incident.RoleAlone, false},
		// Then the factor decides, which is the same here.
		{"nothing is known", func(int) int { return profile.Unknown }, func(int, int) profile.Bytes { return profile.Unknown }, incident.RoleGrowsWith, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e Input
			for i := range 60 {
				n := c.goroutines(i)
				e.Manifest.History = append(e.Manifest.History, incident.HistoryPoint{Time: noon.Add(time.Duration(i) * time.Minute), Memory: profile.Unknown, LiveHeap: c.heap(i, n), Goroutines: profile.Count(n)})
			}
			grown := int64(c.goroutines(59) - c.goroutines(0))
			if grown == 0 {
				grown = 100
			}
			e.Goroutine = &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Suspects: []incident.Suspect{goroutineSuspect(incident.Change{Before: grown, After: 2 * grown})}}
			e.Heap = &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []incident.Suspect{heapSuspect(incident.Change{Before: grown * each, After: 2 * grown * each})}}
			r := Explain(e)
			checkRoles(t, r, c.want)
			if c.want == incident.RoleGrowsWith {
				if why := find(r, profile.Heap).Reasons[0]; strings.Contains(why, "time alone") != c.doubt {
					t.Errorf("evidence is %q; want a doubt about time: %v", why, c.doubt)
				}
			}
		})
	}
}

func goroutineSuspect(c incident.Change) incident.Suspect {
	return incident.Suspect{Kind: profile.Goroutine, Frame: ours("storage", "(*Cache).Put", "storage.go", 85), Wait: "chan receive", Value: c, Unit: profile.UnitCount, Share: 0.9, Standing: profile.Unknown, Confidence: 0.8}
}

func heapSuspect(c incident.Change) incident.Suspect {
	return incident.Suspect{Kind: profile.Heap, Frame: theirs("(*Recorder).add", "recorder.go", 7), Value: c, Unit: profile.UnitBytes, Share: 0.9, Standing: profile.Unknown, Confidence: 0.85}
}

func find(r *Report, k profile.Kind) incident.Suspect {
	i := slices.IndexFunc(r.Suspects, func(s incident.Suspect) bool { return s.Kind == k })
	if i < 0 {
		return incident.Suspect{}
	}
	return r.Suspects[i]
}

func checkRoles(t *testing.T, r *Report, want incident.Role) {
	t.Helper()
	cause := incident.RoleAlone
	if want == incident.RoleGrowsWith {
		cause = incident.RoleCause
	}
	if got := find(r, profile.Heap); got.Role != want {
		t.Errorf("the heap has role %q because %q, want %q", got.Role, got.Reasons, want)
	}
	if got := find(r, profile.Goroutine).Role; got != cause {
		t.Errorf("the goroutines have role %q, want %q", got, cause)
	}
	if want == incident.RoleGrowsWith && r.Suspects[0].Role != incident.RoleCause {
		t.Errorf("first is %v: want the cause first", r.Suspects[0].Kind)
	}
}

func TestExplainWithoutHistory(t *testing.T) {
	for _, c := range []struct {
		name       string
		goroutines incident.Change
		all        incident.Change
		heap       incident.Change
		want       incident.Role
	}{
		{"same factor at the site", incident.Change{Before: 100, After: 300}, incident.Change{Before: 1000, After: 1200}, incident.Change{Before: 50 * mib, After: 152 * mib}, incident.RoleGrowsWith},
		{"same factor of all", incident.Change{Before: 0, After: 134}, incident.Change{Before: 240, After: 374}, incident.Change{Before: 298 * mib, After: 466 * mib}, incident.RoleGrowsWith},
		{"other factors", incident.Change{Before: 100, After: 300}, incident.Change{Before: 1000, After: 1200}, incident.Change{Before: 50 * mib, After: 80 * mib}, incident.RoleAlone},
		{"too little", incident.Change{Before: 100, After: 120}, incident.Change{Before: 100, After: 120}, incident.Change{Before: 50 * mib, After: 60 * mib}, incident.RoleAlone},
		{"from nothing", incident.Change{Before: 0, After: 100}, incident.Change{Before: 0, After: 100}, incident.Change{Before: 0, After: 50 * mib}, incident.RoleAlone},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkRoles(t, Explain(Input{
				Goroutine: &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Total: c.all, Suspects: []incident.Suspect{goroutineSuspect(c.goroutines)}},
				Heap:      &diff.Comparison{Kind: profile.Heap, Unit: profile.UnitBytes, HasBase: true, Suspects: []incident.Suspect{heapSuspect(c.heap)}},
			}), c.want)
		})
	}
}

func TestExplainKnowsWhatTheLeakedGoroutinesAllocate(t *testing.T) {
	g, h := goroutineSuspect(incident.Change{Before: 0, After: 100}), heapSuspect(incident.Change{Before: 0, After: 50 * mib})
	evidence := func(root profile.Frame, below int64) Input {
		leaf := func(v int64) *diff.FlameNode { return &diff.FlameNode{Name: h.Frame.Function, Value: v} }
		return Input{
			Goroutine: &diff.Comparison{Kind: profile.Goroutine, HasBase: true, Suspects: []incident.Suspect{g}, Goroutines: []diff.GoroutineGroup{{Blocked: g.Frame, Wait: g.Wait, Root: root, Count: g.Value}}},
			Heap: &diff.Comparison{Kind: profile.Heap, HasBase: true, Suspects: []incident.Suspect{h}, Flame: &diff.FlameNode{Name: "all", Value: 50 * mib, Children: []*diff.FlameNode{
				{Name: root.Function, Value: below, Children: []*diff.FlameNode{leaf(below)}},
				{Name: "main.main", Value: 50*mib - below, Children: []*diff.FlameNode{leaf(50*mib - below)}},
			}}},
		}
	}
	watch := ours("storage", "(*Cache).watch", "storage.go", 40)
	checkRoles(t, Explain(evidence(watch, 45*mib)), incident.RoleGrowsWith)
	checkRoles(t, Explain(evidence(watch, 5*mib)), incident.RoleAlone)
	// All requests of a server are below this function.
	checkRoles(t, Explain(evidence(stdlib("net/http", "(*conn).serve", "server.go", 1), 45*mib)), incident.RoleAlone)
}

func TestExplainTakesTheCensusAndTheProof(t *testing.T) {
	g := goroutineSuspect(incident.Change{Before: 1, After: 30})
	g.Confidence, g.Reasons = 0.3, []string{"30 goroutines wait"}
	site := incident.GoroutineSite{Frame: g.Frame, Wait: g.Wait, Count: 30, Grown: 29, Since: noon.Add(-time.Hour), Standing: time.Hour, Leaking: true}
	other := site
	other.Frame = ours("queue", "(*Q).Pop", "q.go", 3)
	calm := site
	calm.Frame, calm.Leaking = ours("calm", "Wait", "c.go", 1), false
	c := &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, Suspects: []incident.Suspect{g}}
	r := Explain(Input{Manifest: incident.Manifest{Opened: noon, GoroutineSites: []incident.GoroutineSite{site, other, calm}}, Goroutine: c})
	if len(r.Suspects) != 2 {
		t.Fatalf("%d suspects, want the one that both know and the one that only the census knows", len(r.Suspects))
	}
	for _, s := range r.Suspects {
		if s.Confidence != 0.9 || s.Standing != time.Hour {
			t.Errorf("%s: confidence %v, standing %v; want those of the census", s.Frame.Function, s.Confidence, s.Standing)
		}
	}
	if c.Suspects[0].Confidence != 0.3 || len(c.Suspects[0].Reasons) != 1 {
		t.Error("Explain changed the comparison that it was given")
	}

	proof := g
	proof.Kind, proof.Confidence, proof.Reasons = profile.GoroutineLeak, 0.99, []string{"the garbage collector proved that 29 goroutines can never be woken"}
	r = Explain(Input{Goroutine: c, GoroutineLeak: &diff.Comparison{Kind: profile.GoroutineLeak, Suspects: []incident.Suspect{proof}}})
	if len(r.Suspects) != 1 || r.Suspects[0].Confidence != 0.99 || r.Suspects[0].Reasons[0] != proof.Reasons[0] {
		t.Errorf("suspects are %+v, want the one, proven", r.Suspects)
	}
}

func TestExplainIsDeterministic(t *testing.T) {
	for name, e := range reportCases() {
		first := Explain(e)
		for range 5 {
			if again := Explain(reportCases()[name]); !reflect.DeepEqual(again, first) {
				t.Fatalf("%s: the same evidence gave two reports", name)
			}
		}
	}
}

// Suspects can be ranked whatever numbers a foreign profile contains.
func TestRankWithoutNumbers(t *testing.T) {
	var s []incident.Suspect
	for i, c := range []float64{math.NaN(), 0.5, math.Inf(1), 0.9, -1} {
		s = append(s, incident.Suspect{Confidence: c, Share: math.NaN(), Frame: profile.Frame{Function: fmt.Sprint(i)}, Value: incident.Change{Before: math.MinInt64, After: math.MaxInt64}})
	}
	r := Explain(Input{Heap: &diff.Comparison{Suspects: s, HasBase: true}})
	if r.Suspects[0].Frame.Function != "3" || r.Suspects[1].Frame.Function != "1" {
		t.Errorf("ranked %v first", r.Suspects[:2])
	}
}

// The suspect that the headline names is the one that is marked as accused, and none is
// where it accuses nobody.
func TestCulprit(t *testing.T) {
	for name, want := range map[string]string{"heap": "main.memoryLeak", "nongo": "", "nothing": "", "cut-short": "orders.(*Index).Add"} {
		r := Explain(reportCases()[name])
		s, ok := r.Suspects.Culprit()
		if ok != (want != "") || s.Name() != want || !strings.HasPrefix(r.Headline, want) {
			t.Errorf("%s: the culprit is %q (%v), want %q; the headline is %q", name, s.Name(), ok, want, r.Headline)
		}
	}
}
