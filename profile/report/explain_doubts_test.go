package report

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestDoubts(t *testing.T) {
	for name, want := range map[string][]string{
		"nongo": {
			"memory outside the Go heap grew by 206.0 MiB in 60 min",
			"180.0 MiB is shared memory",
			"heap.pb.gz shows the heap at an earlier garbage collection",
			"heap: skipped: a forced GC would take 80 ms",
			"goroutine-base.pb.gz cannot be read",
		},
		"cut-short": {"cut short", "goroutine.pb.gz cannot be read", "there is no baseline"},
		"heap":      {"cpu: skipped"}, // the stale profile has a fresh one beside it
	} {
		got := Explain(reportCases()[name]).Warnings
		if len(got) != len(want) {
			t.Errorf("%s: doubts are %q, want %d", name, got, len(want))
			continue
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: doubt %d is %q, want %q in it", name, i, got[i], want[i])
			}
		}
	}
	r := incident.NewReading(noon)
	r.CgroupWorkingSet, r.Unreclaimable = 500*mib, 100*mib
	e := Input{Manifest: incident.Manifest{Readings: []incident.Reading{r}, Warnings: []string{"twice"}}, Warnings: []string{"twice"}}
	if got := Explain(e).Warnings; len(got) != 1 {
		t.Errorf("doubts are %q: file cache is nobody's business far from a cgroup's limit", got)
	}
	e.Manifest.Limits = []incident.MemoryLimit{{Source: "host", Bytes: 1 << 40}, {Source: "cgroup v2", Bytes: 512 * mib}}
	if got := Explain(e).Warnings; len(got) != 2 || !strings.Contains(got[0], "400.0 MiB of the working set of 500.0 MiB is file cache") || got[1] != "twice" {
		t.Errorf("doubts are %q, want the file cache, and what is said twice once", got)
	}
}

// Uncollected garbage belongs to the heap, not outside it.
func TestGarbageIsNotOutside(t *testing.T) {
	var m incident.Manifest
	for i := range 20 {
		m.History = append(m.History, incident.HistoryPoint{Time: noon.Add(time.Duration(i) * time.Minute), Memory: 100*mib + profile.Bytes(i)*19*mib, LiveHeap: 50*mib + profile.Bytes(i)*10*mib})
	}
	if o := outsideHeap(m); o.found {
		t.Errorf("%v outside of a heap that grew by %v while memory grew by %v", profile.Bytes(o.bytes), profile.Bytes(o.heap), profile.Bytes(o.memory))
	}
	// The readings say what the runtime holds, including a goroutine's stack.
	a, b := incident.NewReading(noon), incident.NewReading(noon.Add(time.Second))
	a.Unreclaimable, a.HeapLive, a.Sys, a.HeapReleased = 100*mib, 10*mib, 90*mib, 0
	b.Unreclaimable, b.HeapLive, b.Sys, b.HeapReleased = 300*mib, 10*mib, 290*mib, 0
	if o := outsideHeap(incident.Manifest{Readings: []incident.Reading{a, b}}); o.found {
		t.Errorf("%v outside, but the Go runtime took it all", profile.Bytes(o.bytes))
	}
}
