package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// idleCase is a service whose idle CPU use rose from 0.4% to 11% of a core
// while goroutines with that wait were added.
func idleCase(wait string, goroutines int64, wakeups profile.Count) Input {
	watch := profile.Frame{Function: "main.watch", File: "/src/shop/main.go", Line: 40, Package: "main", Module: acme.Module}
	poll := ours("prices", "(*Feed).poll", "feed.go", 12)
	m := incident.Manifest{
		Schema: 1, ID: "20261120T120000.000Z-idle-cpu-7f3a", Rule: "idle-cpu", Trigger: incident.TriggerRule,
		Reason: "CPU floor 11% of a core, was 0.4% of a core in calm times", Opened: noon, Peak: 110, Unit: profile.UnitMilliCPU, Build: acme,
		Idle:      &incident.IdleUse{WindowNS: int64(time.Hour), CPU: 110, CPUBefore: 4, Wakeups: wakeups, WakeupsBefore: 12},
		Artefacts: artefacts("goroutine.pb.gz", "goroutine-base.pb.gz", "cpu.pb.gz"),
	}
	e := Input{Manifest: m, CPU: &diff.Comparison{
		Kind: profile.CPU, Unit: profile.UnitNS, Total: incident.Change{Before: 0, After: int64(600 * time.Millisecond)}, Warnings: []string{"there is no baseline: everything counts as growth"},
		Sites:    []diff.Row{{Frame: watch, Value: incident.Change{Before: 0, After: int64(120 * time.Millisecond)}}},
		Suspects: []incident.Suspect{{Kind: profile.CPU, Frame: poll, Value: incident.Change{Before: 0, After: int64(300 * time.Millisecond)}, Unit: profile.UnitNS, Share: 0.5, Standing: profile.Unknown, Confidence: 0.4}},
	}}
	e.Goroutine = &diff.Comparison{Kind: profile.Goroutine, Unit: profile.UnitCount, HasBase: true, BaseTime: noon.Add(-time.Hour), NowTime: noon, Total: incident.Change{Before: 20, After: 20 + goroutines}}
	if goroutines > 0 {
		e.Goroutine.Suspects = []incident.Suspect{{Kind: profile.Goroutine, Frame: watch, Wait: wait, Value: incident.Change{Before: 0, After: goroutines}, Unit: profile.UnitCount, Share: 1, Standing: profile.Unknown, Confidence: 0.12}}
	}
	return e
}

func TestExplainIdle(t *testing.T) {
	const (
		quiet = "11% of a core when idle, compared with 0.4% before"
		ticks = "5,000 more goroutines tick in main.watch (cmd/checkout/main.go:40) than 60 min ago, each "
		polls = "prices.(*Feed).poll (prices/feed.go:12) takes 300 ms of CPU time, 50% of the total; " + quiet
	)
	for _, c := range []struct {
		name       string
		wait       string
		goroutines int64
		wakeups    profile.Count
		want       string
	}{
		{"for range time.Tick", "chan receive", 5000, 50_012, ticks + "about 10 times a second: " + quiet},
		{"ticker in a select", "select", 5000, 5012, ticks + "about once a second: " + quiet},
		{"time.Sleep in a loop", "sleep", 5000, 512, ticks + "about every 10 s: " + quiet},
		{"time.AfterFunc sets itself again", "", 0, 50_012, polls},
		{"connections that are used", "IO wait", 5000, 50_012, polls},
		{"wake-ups did not rise", "chan receive", 5000, 13, polls},
		{"a few goroutines that work", "chan receive", 12, 500_000, polls},
		{"too few goroutines", "chan receive", 9, 900, polls},
		{"wake-ups are not known", "chan receive", 5000, profile.Unknown, polls},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Explain(idleCase(c.wait, c.goroutines, c.wakeups))
			if r.Headline != c.want {
				t.Errorf("headline\n%s, want\n%s", r.Headline, c.want)
			}
			if !strings.HasPrefix(c.want, ticks) {
				return
			}
			s := r.Suspects[0]
			if s.Frame.Function != "main.watch" || s.Confidence != confidenceTicks {
				t.Errorf("first suspect is %s with confidence %v", s.Frame.Function, s.Confidence)
			}
			if why := strings.Join(s.Reasons, "\n"); !strings.Contains(why, "idle wake-ups rose from 12 to") || !strings.Contains(why, "take 20% of the CPU profile") {
				t.Errorf("evidence is %q", s.Reasons)
			}
		})
	}
}

// While goroutines keep coming, the quietest tenth of the window is its
// beginning, when there were fewer.
func TestExplainIdleWhileItGrows(t *testing.T) {
	e := idleCase("chan receive", 1000, 5012)
	for i := range 61 {
		e.Manifest.History = append(e.Manifest.History, incident.HistoryPoint{
			Time: noon.Add(time.Duration(i-60) * time.Minute), Memory: profile.Unknown, LiveHeap: profile.Unknown, Goroutines: profile.Count(420 + 10*i),
		})
	}
	// 54 minutes before, 460 of the 1,000 were there.
	if r := Explain(e); !strings.Contains(r.Headline, "each about 11 times a second") {
		t.Errorf("headline %q, want 5,000 wake-ups shared by 460", r.Headline)
	}
}

func TestExplainIdleDoubts(t *testing.T) {
	const async = "asynctimerchan=1 is set"
	e := idleCase("chan receive", 5000, 50_012)
	text := strings.Join(Explain(e).Warnings, "\n")
	if strings.Contains(text, async) || strings.Contains(text, "no baseline") || !strings.Contains(text, "compare with the number of requests") {
		t.Errorf("doubts are %q", text)
	}
	e.Manifest.Process.AsyncTimers = true
	if text := strings.Join(Explain(e).Warnings, "\n"); !strings.Contains(text, async) {
		t.Errorf("doubts are %q", text)
	}
	e.Manifest.Unit = profile.UnitBytes // the incident is about something else
	if r := Explain(e); strings.Contains(strings.Join(r.Warnings, "\n"), async) || strings.Contains(r.Headline, "idle") {
		t.Errorf("an incident of memory speaks of idle CPU: %q, %q", r.Headline, r.Warnings)
	}
}

func TestMilliCPU(t *testing.T) {
	for c, want := range map[profile.MilliCPU]string{profile.Unknown: "?", 0: "0% of a core", 4: "0.4% of a core", 110: "11% of a core", 999: "99.9% of a core", 1000: "1.00 cores", 2400: "2.40 cores"} {
		if got := c.String(); got != want {
			t.Errorf("MilliCPU(%d) = %q, want %q", c, got, want)
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back := profile.MilliCPU(7)
		if err := json.Unmarshal(data, &back); err != nil || back != c {
			t.Errorf("%s reads as %d, %v; want %d", data, back, err, c)
		}
	}
	if got := slope(2.2, profile.UnitMilliCPU); got != "+0.22% of a core" {
		t.Errorf("slope is %q", got)
	}
}
