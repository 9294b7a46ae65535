package guard

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// waitForEver is what leaks here.
func waitForEver(c <-chan struct{}) { <-c }

// Three goroutines a minute that never leave are found within hours, at their
// line, and open the incident of rule 'blocked-goroutines'; its reason says where.
func TestCensusFindsWhatLeaks(t *testing.T) {
	k := testKeeper("github.com/leakguard/leakguard")
	l := &loop{keeper: k, counters: k.counters, started: time.Now(), observer: newObserver()}
	l.build.Module = "github.com/leakguard/leakguard"
	release := make(chan struct{})
	defer close(release)

	at := firstCensus
	for ; l.leaked <= 0 && at < 4*time.Hour; at += time.Minute {
		for range 3 {
			go waitForEver(release)
		}
		l.counted(k.Census(at, 100))
		if l.census.state.Skipped != "" {
			t.Fatal(l.census.state.Skipped)
		}
		l.reading.Time = l.started.Add(at)
	}
	if l.leaked <= 0 {
		t.Fatalf("nothing found in 4 h; the sites: %+v", l.census.sites)
	}
	s := l.census.sites[0]
	if !s.Leaking || s.Proven || !strings.HasSuffix(s.Frame.Function, "guard.waitForEver") || !strings.HasSuffix(s.Frame.File, "census_test.go") ||
		s.Wait != "chan receive" || s.Frame.Module != "github.com/leakguard/leakguard" || s.Count != l.leaked || s.Grown <= 0 {
		t.Errorf("found after %v: %+v", at, s)
	}
	if where := l.describeLeaked(); !strings.Contains(where, "guard.waitForEver (guard/census_test.go:") || !strings.Contains(where, "chan receive") {
		t.Errorf("described as %q", where)
	}
	if since := l.started.Add(l.census.leakedSince); s.Since.Sub(since).Abs() > time.Second {
		t.Errorf("it grows since %v, the onset is %v", s.Since, since)
	}

	tl := newTimeline(t, limit1000, Rule{Name: "blocked-goroutines", Signal: LeakedGoroutines, Line: Absolute(1)})
	if did := tl.look(time.Minute, goroutines(100)); did != "" {
		t.Errorf("before the first census: %s", did)
	}
	tl.obs.leaked = 0
	if did := tl.look(2*time.Minute, goroutines(100)); did != "" {
		t.Errorf("while none leaks: %s", did)
	}
	tl.obs.leaked = l.leaked
	if did := tl.look(3*time.Minute, goroutines(100)); did != "open blocked-goroutines, capture blocked-goroutines" {
		t.Errorf("when some leak: %q", did)
	}
}

func waitForProof(c <-chan struct{}) { <-c }

// What a goroutineleak profile of this process proves is proven in the census, too.
func TestProof(t *testing.T) {
	k := testKeeper("github.com/leakguard/leakguard")
	l := &loop{keeper: k, counters: k.counters, started: time.Now(), observer: newObserver()}
	l.process = incident.Process{PID: 7, Started: l.started}
	release := make(chan struct{})
	defer close(release)
	go waitForProof(release)
	var site incident.GoroutineSite
	find := func(at time.Duration) (found incident.GoroutineSite) {
		l.counted(k.Census(at, 100))
		for _, s := range l.census.sites {
			if strings.HasSuffix(s.Frame.Function, "guard.waitForProof") {
				found = s
			}
		}
		return found
	}
	at := time.Minute
	waitFor(t, "the goroutine to wait", func() bool { at += time.Minute; site = find(at); return site.Wait == "chan receive" })
	if site.Proven || l.leaked != 0 {
		t.Fatalf("one goroutine is taken for a leak: %+v", site)
	}
	report := &report.Report{GoroutineLeak: &diff.Comparison{Suspects: []incident.Suspect{{Frame: site.Frame, Proven: true}}}}
	report.Manifest.Process = incident.Process{PID: 6, Started: l.started}
	l.prove(report)
	k.surveys.wait()
	if site = find(at + time.Minute); site.Proven {
		t.Error("the proof of another process is taken for one of this")
	}
	report.Manifest.Process = l.process
	l.prove(report)
	k.surveys.wait()
	if site = find(at + 2*time.Minute); !site.Proven || !site.Leaking || l.leaked != 1 {
		t.Errorf("proven, the site is %+v", site)
	}
}

// A census that needs more than its part of the memory left is left out, and
// says so.
func TestCensusLeftOut(t *testing.T) {
	k := testKeeper("")
	k.Stands(evidence.State{Headroom: 1 * mib, Left: -1})
	res := k.Census(time.Hour, 1_000_000)
	if !strings.Contains(res.Skipped, "a quarter of the headroom") || res.Next < time.Minute {
		t.Errorf("of a million goroutines with 1 MiB left: %+v", res)
	}
}

// The manifest of an incident says who started the goroutines of each site, also of one
// that is not taken for a leak, and although they are too many by then for the text form.
func TestCreatorsInTheManifest(t *testing.T) {
	g, _ := startGuard(t, Config{Interval: shortestInterval, Rules: []Rule{}})
	release := make(chan struct{})
	defer close(release)
	startTogether(release, 500)
	known := func(sites []incident.GoroutineSite) string {
		for _, s := range sites {
			if strings.HasSuffix(s.Frame.Function, "guard.waitForEver") && s.CreatedBy.Function != "" && s.Count >= 400 {
				return s.CreatedBy.Function
			}
		}
		return ""
	}
	waitFor(t, "the creators", func() bool { return known(g.Snapshot().GoroutineSites) != "" })
	startTogether(release, 1000)
	m, err := g.Store().Incident(mustCapture(t, g).ID)
	if err != nil {
		t.Fatal(err)
	}
	if by := known(m.GoroutineSites); !strings.HasSuffix(by, "guard.startTogether") {
		t.Errorf("created by %q in %+v", by, m.GoroutineSites)
	}
	for _, s := range m.GoroutineSites {
		if by := s.CreatedBy; by.Function != "" && (by.File == "" || by.Line == 0 || by.Package == "" || by.Module == "") {
			t.Errorf("%s is created by %+v", s.Frame.Function, by)
		}
	}
}

//go:noinline
func startTogether(c <-chan struct{}, n int) {
	for range n {
		go waitForEver(c)
	}
}

// A manifest has the largest sites even if many others grow.
func TestSitesOfAManifest(t *testing.T) {
	var sites []incident.GoroutineSite
	for i := range 100 {
		s := incident.GoroutineSite{Grown: int64(100 - i), Count: int64(100 - i)}
		if i%10 == 9 {
			s.Grown, s.Count = 0, int64(10_000+i)
		}
		sites = append(sites, s)
	}
	slices.SortStableFunc(sites, func(a, b incident.GoroutineSite) int { return cmp.Compare(b.Grown, a.Grown) })
	chosen := chosenSites(sites)
	data, err := incident.Manifest{GoroutineSites: chosen}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m, err := incident.ReadManifest(bytes.NewReader(data))
	if err != nil || len(m.GoroutineSites) != len(chosen) || len(chosen) >= len(sites) {
		t.Fatalf("%d of %d are left, %v", len(m.GoroutineSites), len(chosen), err)
	}
	large := 0
	for i, s := range m.GoroutineSites {
		if s.Count > 10_000 {
			large++
		}
		if i < chosenGrowing && s.Grown != sites[i].Grown {
			t.Errorf("site %d grew by %d", i, s.Grown)
		}
	}
	if large != chosenLarge || m.GoroutineSites[chosenGrowing].Count != 10_099 {
		t.Errorf("%d of the largest are there", large)
	}
	if few := sites[:3]; len(chosenSites(few)) != 3 {
		t.Error("of a few, not all are there")
	}
}
