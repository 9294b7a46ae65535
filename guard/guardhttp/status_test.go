package guardhttp

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestStatus(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	ended := now.Add(-12 * time.Minute)
	base := func() guard.Snapshot {
		return guard.Snapshot{Reading: reading(now, 128*mib, 60*mib, 40), Limits: guard.Limits{Kill: 512 * mib}, Rules: make([]guard.RuleState, 8)}
	}
	for _, c := range []struct {
		name      string
		no        bool
		change    func(*guard.Snapshot)
		rate      float64
		incidents []entry
		level     string
		want      string
	}{
		{name: "no guard", no: true, level: "unknown", want: "This process has no guard: Config.Off is set, or Start has failed."},
		{name: "just started", change: func(s *guard.Snapshot) { s.Reading = incident.Reading{} }, level: "unknown", want: "The guard has just started; there is no reading yet."},
		{name: "stopped", change: func(s *guard.Snapshot) { s.Reading.Time = now.Add(-3 * time.Minute) }, level: "unknown",
			want: "The guard has stopped; its last reading was at 2026-11-20 02:57:00 UTC."},
		{name: "calm", level: "calm", want: "Calm: none of 8 rules has crossed its line; memory is at 25% of 512.0 MiB."},
		{name: "no limit", change: func(s *guard.Snapshot) { s.Limits.Kill = profile.Unknown }, level: "calm",
			want: "Calm: none of 8 rules has crossed its line; memory is at 128.0 MiB and no limit is known."},
		{name: "page cache", change: func(s *guard.Snapshot) {
			s.Verdict = incident.Verdict{Class: incident.VerdictCacheAtLimit, Text: "page cache at the limit, the kernel takes it back, no leak"}
		}, level: "calm", want: "Calm: none of 8 rules has crossed its line; page cache at the limit, the kernel takes it back, no leak."},
		{name: "was in an incident", incidents: []entry{{Ended: &ended, Opened: ended.Add(-time.Minute), Ours: true, Headline: "main.leak (main.go:1) holds 80.0 MiB more"}}, level: "calm",
			want: "Calm: none of 8 rules has crossed its line; memory is at 25% of 512.0 MiB; the last incident ended 12 min ago: main.leak (main.go:1) holds 80.0 MiB more."},
		{name: "the run before died", incidents: []entry{{Opened: ended, Headline: "main.leak (main.go:1) holds 80.0 MiB more"}}, level: "calm",
			want: "Calm: none of 8 rules has crossed its line; memory is at 25% of 512.0 MiB; but an incident of another process, opened 12 min ago, was never closed: main.leak (main.go:1) holds 80.0 MiB more."},
		{name: "the run before was killed", incidents: []entry{{Trigger: incident.TriggerDeath, Opened: ended, Headline: "the previous run was killed for want of memory"}}, level: "calm",
			want: "Calm: none of 8 rules has crossed its line; memory is at 25% of 512.0 MiB; but the previous process died 12 min ago: the previous run was killed for want of memory."},
		{name: "captured by hand", incidents: []entry{{Trigger: incident.TriggerManual, Opened: ended, Ours: true}}, level: "calm",
			want: "Calm: none of 8 rules has crossed its line; memory is at 25% of 512.0 MiB."},
		{name: "under pressure", change: func(s *guard.Snapshot) {
			s.Pressure.Under, s.Pressure.Last.Reason = true, "450.0 MiB live, 88% of 512.0 MiB"
		}, level: "growing", want: "Memory is under pressure: 450.0 MiB live, 88% of 512.0 MiB."},
		{name: "goroutines", change: func(s *guard.Snapshot) {
			s.GoroutineSites = []incident.GoroutineSite{{Leaking: true, Count: 2081, Frame: profile.Frame{Function: "shop.await"}}}
		}, level: "growing", want: "2,081 goroutines are piling up in shop.await; memory is at 25% of 512.0 MiB."},
		{name: "a trend", change: func(s *guard.Snapshot) {
			s.Trends = []incident.Trend{{Signal: "live heap", Unit: profile.UnitBytes, State: "growing", Slope: 3 * mib}}
		}, level: "growing", want: "live heap is growing by 3.0 MiB an hour; it is too early to tell whether it leaks; memory is at 25% of 512.0 MiB."},
		{name: "an incident", rate: 64 * mib / 10, incidents: []entry{{ID: "b", Open: true, Reason: "live heap 60.0 MiB, line at 50.0 MiB"}}, level: "incident",
			want: "live heap 60.0 MiB, line at 50.0 MiB; memory is at 25% of 512.0 MiB; at the present rate it is full in 60 s."},
		{name: "about to recover", change: func(s *guard.Snapshot) { s.Rules[2] = guard.RuleState{Open: true, Value: 5, Level: 6} },
			incidents: []entry{{ID: "b", Open: true, Reason: "live heap 60.0 MiB, line at 50.0 MiB"}}, level: "incident",
			want: "live heap 60.0 MiB, line at 50.0 MiB; memory is at 25% of 512.0 MiB; it is below the line again, and the incident closes if it stays there."},
		{name: "one of two is not", change: func(s *guard.Snapshot) {
			s.Rules[2], s.Rules[3] = guard.RuleState{Open: true, Value: 5, Level: 6}, guard.RuleState{Open: true, Value: 6, Level: 6}
		}, incidents: []entry{{ID: "b", Open: true, Reason: "live heap 60.0 MiB, line at 50.0 MiB"}}, level: "incident",
			want: "live heap 60.0 MiB, line at 50.0 MiB; memory is at 25% of 512.0 MiB."},
		{name: "an explained one first", incidents: []entry{{ID: "b", Open: true, Reason: "memory 90%"}, {ID: "a", Open: true, Headline: "main.leak holds 80.0 MiB more"}}, level: "incident",
			want: "main.leak holds 80.0 MiB more; memory is at 25% of 512.0 MiB."},
		{name: "another's evidence", incidents: []entry{{ID: "b", Open: true, Reason: "memory 90%", Evidence: "a"}, {ID: "a", Ended: &ended, Headline: "main.leak holds 80.0 MiB more"}}, level: "incident",
			want: "main.leak holds 80.0 MiB more; memory is at 25% of 512.0 MiB."},
	} {
		s := base()
		if c.change != nil {
			c.change(&s)
		}
		got := judge(!c.no, &s, c.rate, c.incidents, now)
		if got.Sentence != c.want || got.Level != c.level || got.Title == "" {
			t.Errorf("%s: %s, %q\nwant %s, %q", c.name, got.Level, got.Sentence, c.level, c.want)
		}
	}
}

func TestPoints(t *testing.T) {
	now := time.Now()
	var all []incident.Reading
	for i := range 5000 {
		memory := int64(i) * 1000
		if i == 1234 {
			memory = 900 * mib
		}
		all = append(all, reading(now.Add(time.Duration(i)*time.Second), memory, memory/2, int64(i)))
	}
	p := newPoints(all, 100)
	if n := len(p.Time); n < 95 || n > 100 || len(p.Memory) != n || len(p.LiveHeap) != n || len(p.Goroutines) != n || len(p.Limit) != n {
		t.Errorf("%d points of 5000 readings, want about 100", n)
	}
	peak := profile.Bytes(0)
	for i, m := range p.Memory {
		peak = max(peak, m)
		if i > 0 && p.Time[i] <= p.Time[i-1] {
			t.Fatalf("point %d is not after the one before", i)
		}
	}
	if peak != 900*mib {
		t.Errorf("the peak is %v: lost", peak)
	}
	if last := p.Time[len(p.Time)-1]; last < unixSeconds(all[4950].Time) {
		t.Error("the newest readings are missing")
	}
	if p := newPoints(all[:7], 100); len(p.Time) != 7 {
		t.Errorf("%d points of 7 readings", len(p.Time))
	}
	if p := newPoints(nil, 100); p.Time == nil || len(p.Time) != 0 {
		t.Error("no readings are no list of no points")
	}
	if rate := rateOf(all[10:20]); rate < 999 || rate > 1001 {
		t.Errorf("rate %v, want 1000", rate)
	}
}

func TestIncidentsAreReadOnce(t *testing.T) {
	g := richGuard(t)
	l := incidentList{store: g.store}
	now := time.Now()
	s := g.Snapshot()
	list := l.list(&s, now)
	if len(list) != 2 || !list[0].Open || list[0].Rule != "live-heap" || list[0].Headline == "" || list[1].Open || list[1].Ended == nil || !list[1].Ours || !list[1].Report {
		t.Fatalf("%+v", list)
	}
	settled, open := l.known[list[1].ID], l.known[list[0].ID]
	s.Counters.Captures++
	list = l.list(&s, now.Add(time.Second))
	if l.known[list[1].ID] != settled {
		t.Error("an incident that is over was read again")
	}
	if l.known[list[0].ID] == open {
		t.Error("an open incident was not read again")
	}
	// One that has no folder, as without a disk, is listed too.
	s.Incidents = append(s.Incidents, guard.Incident{ID: layout.NewID(now, "memory"), Rule: "memory", Reason: "memory 90%", NotCaptured: "disk full"})
	if list = l.list(&s, now.Add(2*time.Second)); len(list) != 3 || list[0].Rule != "memory" || list[0].Kept || !list[0].Open {
		t.Errorf("%+v", list[0])
	}
}
