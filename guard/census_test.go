package guard

import (
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
