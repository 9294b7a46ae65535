package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

const shop = "github.com/acme/shop"

func comparedAfter(t *testing.T, kind profile.Kind, base, now map[string]int64) *diff.Comparison {
	t.Helper()
	of := func(after time.Duration, values map[string]int64) *pprofile.Profile {
		p := profiletest.StackOf(kind.String(), values)
		p.TimeNanos += int64(after)
		return p
	}
	c, err := diff.Compare(of(0, base), of(time.Minute, now), diff.Config{MainModule: shop})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func manifestNear(full float64) incident.Manifest {
	r := incident.NewReading(time.Date(2026, 11, 20, 10, 1, 0, 0, time.UTC))
	r.Limit, r.Unreclaimable = 100<<20, profile.Bytes(full*100)<<20
	return incident.Manifest{
		ID: "20261120T100100.000Z-memory-0001", Rule: "memory", Trigger: incident.TriggerRule, Unit: profile.UnitBytes,
		Build: incident.Build{Module: shop}, Readings: []incident.Reading{r},
	}
}

const (
	readLoop = "runtime.gopark internal/poll.runtime_pollWait net/http.(*persistConn).readLoop"
	getting  = "net/http.NewRequestWithContext net/http.(*Client).Get "
)

// The goroutines of connections are the library's. The heap profile shows whose calls
// made them.
func TestGoroutinesOfALibraryAreJoinedToTheirCaller(t *testing.T) {
	r := Explain(Input{
		Manifest:  manifestNear(0.9),
		Heap:      comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 4 << 20, getting + shop + ".fetch": 600 << 10}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{"main.main": 1, readLoop: 912}),
	})
	s := r.Suspects[0]
	if s.Frame.Function != shop+".fetch" || s.Through.Function != "net/http.(*persistConn).readLoop" {
		t.Fatalf("the first suspect is %+v", s)
	}
	if want := "912 more goroutines wait for I/O in http.(*persistConn).readLoop on behalf of shop.fetch (x.go)"; !strings.HasPrefix(r.Headline, want) {
		t.Errorf("headline %q, want %q", r.Headline, want)
	}
	if !slices.Contains(s.Reasons, "what helps: use one http.Client, with one Transport, for all requests") {
		t.Errorf("reasons %q", s.Reasons)
	}
}

// A service under more load has more goroutines. They are no explanation of memory that
// they cannot hold.
func TestGoroutinesThatHoldLittle(t *testing.T) {
	in := Input{
		Manifest:  manifestNear(0.9),
		Heap:      comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 4 << 20, shop + ".(*Store).Add": 60 << 20}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{"main.main": 1, "runtime.gopark runtime.chanrecv " + shop + ".serve:3": 300}),
	}
	if s := Explain(in).Suspects[0]; s.Frame.Function != shop+".(*Store).Add" {
		t.Errorf("the first suspect is %+v", s)
	}
	in.Manifest.Rule, in.Manifest.Unit = "goroutines", profile.UnitCount
	if s := Explain(in).Suspects[0]; s.Frame.Function != shop+".serve" {
		t.Errorf("in an incident of goroutines the first suspect is %+v", s)
	}
}

func TestCaution(t *testing.T) {
	in := func(m incident.Manifest) Input {
		return Input{Manifest: m, Heap: comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 4 << 20, shop + ".(*Store).Add": 60 << 20})}
	}
	near, byHand, over, cut := manifestNear(0.95), manifestNear(0.95), manifestNear(0.95), manifestNear(0.95)
	byHand.Trigger = incident.TriggerManual
	over.Recovered = &over.Opened
	cut.CutShort = true
	for name, c := range map[string]struct {
		m           incident.Manifest
		least, most float64
	}{
		"far from the limit": {manifestNear(0.5), 0.4, 0.49},
		"near the limit":     {near, 0.6, 0.69},
		"by hand":            {byHand, 0.4, 0.49},
		"it recovered":       {over, 0.4, 0.49},
		"it died":            {cut, 0.7, 0.9},
		"two files":          {incident.Manifest{}, 0.4, 0.49},
	} {
		if s := Explain(in(c.m)).Suspects[0]; s.Confidence < c.least || s.Confidence > c.most {
			t.Errorf("%s: confidence %.2f, want %.2f to %.2f", name, s.Confidence, c.least, c.most)
		}
	}
}

// What the runtime allocates for goroutines points to the goroutines.
func TestStacksPointToGoroutines(t *testing.T) {
	r := Explain(Input{
		Manifest: manifestNear(0.9),
		Heap: comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20},
			map[string]int64{"main.load": 4 << 20, "runtime.malg runtime.newproc1 runtime.newproc.func1 runtime.systemstack": 40 << 20}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{"main.main": 1, "runtime.gopark runtime.chanrecv " + shop + ".wait:3": 9912}),
	})
	if s := r.Suspects[0]; s.Frame.Function != shop+".wait" {
		t.Errorf("the first suspect is %+v", s)
	}
	i := slices.IndexFunc(r.Suspects, func(s incident.Suspect) bool { return s.Frame.Function == "runtime.malg" })
	if i >= 0 && r.Suspects[i].Role != incident.RoleGrowsWith {
		t.Errorf("the stacks have the role %q", r.Suspects[i].Role)
	}
}

// The number of goroutines is told even if there was no room for their profile.
func TestCountWithoutAProfile(t *testing.T) {
	m := manifestNear(0.9)
	m.Readings[0].Goroutines = 9912
	m.History = []incident.HistoryPoint{{Time: m.Readings[0].Time.Add(-time.Minute), Goroutines: 12}}
	r := Explain(Input{Manifest: m, Heap: comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 4 << 20})})
	if want := "No culprit: goroutines grew from 12 to 9,912, and there is no profile of them"; r.Headline != want {
		t.Errorf("headline %q, want %q", r.Headline, want)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "Goroutines   12 → 9,912, no profile") {
		t.Errorf("the report:\n%s", &text)
	}
}

// A leak that fills memory at once leaves a heap profile from before it. Who was at work
// at the crossing is who filled it.
func TestAllocatorsOfAFastLeak(t *testing.T) {
	in := Input{
		Manifest: manifestNear(0.9),
		Heap:     comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 6 << 20}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{
			shop + ".fill " + shop + ".handle": 2,
			"runtime.gopark runtime.gcParkAssist runtime.gcAssistAlloc runtime.mallocgc " + shop + ".fill " + shop + ".handle": 1,
			"runtime.gopark runtime.chanrecv " + shop + ".wait":                                                                50,
			"runtime.x github.com/leakguard/leakguard/guard.(*loop).run":                                                       1,
		}),
	}
	step := incident.CaptureStep{Kind: profile.Heap, File: "heap.pb.gz", Outcome: incident.OutcomeWritten, Stale: true, TookNS: 1}
	in.Manifest.Captures = []incident.CaptureRecord{{Seq: 1, Steps: []incident.CaptureStep{step}}}
	r := Explain(in)
	if s := r.Suspects[0]; s.Frame.Function != shop+".fill" || !s.Accused {
		t.Fatalf("the first suspect is %+v", s)
	}
	if want := "shop.fill (x.go) was at work when memory crossed the line; the heap profile is older than the leak"; r.Headline != want {
		t.Errorf("headline %q, want %q", r.Headline, want)
	}
	in.Manifest.Captures[0].Steps[0].Stale = false
	if s := Explain(in).Suspects[0]; s.Frame.Function == shop+".fill" {
		t.Errorf("with a fresh profile the first suspect is %+v", s)
	}
}

// A few goroutines with deep stacks can hold the memory.
func TestGoroutinesWithDeepStacks(t *testing.T) {
	in := Input{
		Manifest:  manifestNear(0.9),
		Heap:      comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{"main.load": 4 << 20, shop + ".(*Store).Add": 20 << 20}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{"main.main": 1, "runtime.gopark runtime.chansend " + shop + ".walk:3": 60}),
	}
	if s := Explain(in).Suspects[0]; s.Frame.Function != shop+".(*Store).Add" {
		t.Errorf("with stacks of unknown size the first suspect is %+v", s)
	}
	in.Manifest.Readings[0].Goroutines, in.Manifest.Readings[0].StackInuse = 61, 60<<20
	if s := Explain(in).Suspects[0]; s.Frame.Function != shop+".walk" {
		t.Errorf("with stacks of 1 MiB the first suspect is %+v", s)
	}
}

// Whom the heap blames for a library is also who is asked about its goroutines, although
// another function that calls the library holds more.
func TestHeapAndGoroutinesNameOneCaller(t *testing.T) {
	r := Explain(Input{
		Manifest: manifestNear(0.9),
		Heap: comparedAfter(t, profile.Heap, map[string]int64{"main.load": 4 << 20}, map[string]int64{
			"main.load": 4 << 20,
			"bufio.NewReaderSize net/http.(*Transport).dialConn net/http.(*Transport).dialConnFor":    40 << 20,
			"net/http.(*Transport).getConn net/http.(*Client).Do " + shop + ".execute " + shop + ".h": 2 << 20,
			"net/http.NewRequestWithContext " + shop + ".request " + shop + ".h":                      4 << 20,
		}),
		Goroutine: comparedAfter(t, profile.Goroutine, map[string]int64{"main.main": 1}, map[string]int64{"main.main": 1, readLoop: 912}),
	})
	for _, s := range r.Suspects[:2] {
		if s.Frame.Function != shop+".execute" {
			t.Errorf("a suspect is %+v", s)
		}
	}
}
