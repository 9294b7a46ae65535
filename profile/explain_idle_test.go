package profile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// idleCase is a service whose idle CPU rose from 0.4% to 11% of a core while
// goroutines came that wait so.
func idleCase(wait string, goroutines int64, wakeups Count) Evidence {
	watch := Frame{Function: "main.watch", File: "/src/shop/main.go", Line: 40, Package: "main", Module: acme.Module}
	poll := ours("prices", "(*Feed).poll", "feed.go", 12)
	m := Manifest{
		Schema: 1, ID: "20261120T120000.000Z-idle-cpu-7f3a", Rule: "idle-cpu", Trigger: TriggerRule,
		Reason: "CPU floor 11% of a core, was 0.4% of a core in calm times", Opened: noon, Peak: 110, Unit: UnitMilliCPU, Build: acme,
		Idle:      &Idle{WindowNS: int64(time.Hour), CPU: 110, CPUBefore: 4, Wakeups: wakeups, WakeupsBefore: 12},
		Artefacts: artefacts("goroutine.pb.gz", "goroutine-base.pb.gz", "cpu.pb.gz"),
	}
	e := Evidence{Manifest: m, CPU: &Comparison{
		Kind: CPU, Unit: UnitNS, Total: Change{0, int64(600 * time.Millisecond)}, Warnings: []string{"there is no baseline: everything counts as growth"},
		Sites:    []Growth{{Frame: watch, Value: Change{0, int64(120 * time.Millisecond)}}},
		Suspects: []Suspect{{Kind: CPU, Frame: poll, Value: Change{0, int64(300 * time.Millisecond)}, Unit: UnitNS, Share: 0.5, Standing: Unknown, Confidence: 0.4}},
	}}
	e.Goroutine = &Comparison{Kind: Goroutine, Unit: UnitCount, HasBase: true, BaseTime: noon.Add(-time.Hour), NowTime: noon, Total: Change{20, 20 + goroutines}}
	if goroutines > 0 {
		e.Goroutine.Suspects = []Suspect{{Kind: Goroutine, Frame: watch, Wait: wait, Value: Change{0, goroutines}, Unit: UnitCount, Share: 1, Standing: Unknown, Confidence: 0.12}}
	}
	return e
}

func TestExplainIdle(t *testing.T) {
	const (
		quiet = "11% of a core when all is quiet, before it was 0.4%"
		ticks = "5,000 more goroutines tick in main.watch (cmd/checkout/main.go:40) than 60 min before, "
		polls = "prices.(*Feed).poll (prices/feed.go:12) takes 300 ms of processor time: 50% of it all; " + quiet
	)
	for _, c := range []struct {
		name       string
		wait       string
		goroutines int64
		wakeups    Count
		want       string
	}{
		{"for range time.Tick", "chan receive", 5000, 50_012, ticks + "about 10 times a second each: " + quiet},
		{"ticker in a select", "select", 5000, 5012, ticks + "about once a second each: " + quiet},
		{"time.Sleep in a loop", "sleep", 5000, 512, ticks + "about every 10 s each: " + quiet},
		{"time.AfterFunc sets itself again", "", 0, 50_012, polls},
		{"connections that are used", "IO wait", 5000, 50_012, polls},
		{"wake-ups did not rise", "chan receive", 5000, 13, polls},
		{"a few goroutines that work", "chan receive", 12, 500_000, polls},
		{"too few goroutines", "chan receive", 9, 900, polls},
		{"wake-ups are not known", "chan receive", 5000, Unknown, polls},
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
			if why := strings.Join(s.Evidence, "\n"); !strings.Contains(why, "wake-ups when all is quiet rose from 12 to") || !strings.Contains(why, "takes 20% of the processor time") {
				t.Errorf("evidence is %q", s.Evidence)
			}
		})
	}
}

// While goroutines go on coming, the quietest tenth of the window was at its
// beginning, when there were fewer.
func TestExplainIdleWhileItGrows(t *testing.T) {
	e := idleCase("chan receive", 1000, 5012)
	for i := range 61 {
		e.Manifest.History = append(e.Manifest.History, HistoryPoint{
			Time: noon.Add(time.Duration(i-60) * time.Minute), Memory: Unknown, LiveHeap: Unknown, Goroutines: Count(420 + 10*i),
		})
	}
	// Of 1,000 there were 460 at 54 minutes before.
	if r := Explain(e); !strings.Contains(r.Headline, "about 11 times a second each") {
		t.Errorf("headline %q, want 5,000 wake-ups shared by 460", r.Headline)
	}
}

func TestExplainIdleDoubts(t *testing.T) {
	const async = "asynctimerchan=1 is in force"
	e := idleCase("chan receive", 5000, 50_012)
	text := strings.Join(Explain(e).Warnings, "\n")
	if strings.Contains(text, async) || strings.Contains(text, "no baseline") || !strings.Contains(text, "compare with the number of requests") {
		t.Errorf("doubts are %q", text)
	}
	e.Manifest.Process.AsyncTimers = true
	if text := strings.Join(Explain(e).Warnings, "\n"); !strings.Contains(text, async) {
		t.Errorf("doubts are %q", text)
	}
	e.Manifest.Unit = UnitBytes // the incident is about something else
	if r := Explain(e); strings.Contains(strings.Join(r.Warnings, "\n"), async) || strings.Contains(r.Headline, "quiet") {
		t.Errorf("an incident of memory speaks of idle CPU: %q, %q", r.Headline, r.Warnings)
	}
}

func TestMilliCPU(t *testing.T) {
	for c, want := range map[MilliCPU]string{Unknown: "?", 0: "0% of a core", 4: "0.4% of a core", 110: "11% of a core", 999: "99.9% of a core", 1000: "1.00 cores", 2400: "2.40 cores"} {
		if got := c.String(); got != want {
			t.Errorf("MilliCPU(%d) = %q, want %q", c, got, want)
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back := MilliCPU(7)
		if err := json.Unmarshal(data, &back); err != nil || back != c {
			t.Errorf("%s reads as %d, %v; want %d", data, back, err, c)
		}
	}
	if got := slope(2.2, UnitMilliCPU); got != "+0.22% of a core" {
		t.Errorf("slope is %q", got)
	}
}
