package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var diedAt = time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)

func oomDeath() *Death {
	return &Death{
		Cause: DeathOOM, Certain: true, Why: "oom_kill of its cgroup rose by 1",
		LastSample: diedAt, Every: 10 * time.Millisecond, Found: diedAt.Add(1200 * time.Millisecond), Lived: 204 * time.Minute,
		Memory: 511 << 20, Limit: 512 << 20, Rate: 800 << 20,
		Evidence: []string{"20261120T101529.123Z-memory-7f3a"},
		Culprit:  "storage.(*Cache).Put (storage/cache.go:42) holds 300.0 MiB more",
		Series:   Series{Count: 7, Within: 24 * time.Hour, Every: 204 * time.Minute, Doubled: 204 * time.Minute},
	}
}

func TestDeathSentence(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(d *Death)
		want   string
	}{
		"OOM kill": {func(d *Death) {},
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s: oom_kill of its cgroup rose by 1; the 7th OOM kill in 24 h, one every 3 h 24 min"},
		"likely, the first": {func(d *Death) { d.Certain, d.Series, d.Why = false, Series{Count: 1}, "" },
			"The previous process was likely OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s"},
		"panic": {func(d *Death) {
			d.Cause, d.Panic, d.Why, d.Series, d.Rate = DeathPanic, "panic: assignment to entry in nil map", "", Series{}, 0
		}, "The previous process panicked after 10:15:30.123 UTC: panic: assignment to entry in nil map, at 511.0 MiB of 512.0 MiB"},
		"host": {func(d *Death) {
			d.Cause, d.Certain, d.Why, d.Series, d.Memory, d.Elsewhere = DeathHost, false, "", Series{}, Unknown, "node-7"
		},
			"The previous process, on node-7, likely ended with its host after 10:15:30.123 UTC"},
		"unknown": {func(d *Death) {
			d.Cause, d.Certain, d.Why, d.Series, d.Rate = DeathUnknown, false, "", Series{Count: 2, Within: time.Hour}, 1000
		}, "The previous process was killed or crashed, or exited without Guard.Close, after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; the 2nd death of this kind in 60 min"},
		"days ago": {func(d *Death) { d.Found, d.Series, d.Why = d.LastSample.Add(50*time.Hour), Series{}, "" },
			"The previous process was OOM-killed after 2026-11-20 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s"},
		"one of two": {func(d *Death) { d.Series, d.Why, d.Rate, d.Untold = Series{}, "", 0, 1 },
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; 1 more process died before, without a report"},
		"one of many": {func(d *Death) { d.Series, d.Why, d.Rate, d.Untold = Series{}, "", 0, 396 },
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; 396 more processes died before, without reports"},
		"nothing is known": {func(d *Death) { *d = Death{Cause: DeathUnknown, Memory: Unknown, Limit: Unknown} },
			"The previous process was killed or crashed, or exited without Guard.Close,"},
	} {
		d := oomDeath()
		tt.change(d)
		if got := d.Sentence(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 100: "100th", 112: "112th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// deathManifest is a death as the next process tells it.
func deathManifest() Manifest {
	m := Manifest{Rule: RulePreviousDeath, Trigger: TriggerDeath, Opened: diedAt, Peak: 511 << 20, Unit: UnitBytes, Death: oomDeath()}
	for i := range 100 {
		at := diedAt.Add(time.Duration(i-99) * 10 * time.Millisecond)
		m.History = append(m.History, HistoryPoint{Time: at, Memory: Bytes(100+4*i) << 20, LiveHeap: Bytes(90+4*i) << 20, Goroutines: 10})
	}
	r := NewReading(diedAt)
	r.Unreclaimable, r.Limit = 511<<20, 512<<20
	m.Readings = []Reading{r}
	m.Reason, m.Headline = m.Death.Sentence(), m.Death.Headline()
	return m
}

func TestReportOfADeath(t *testing.T) {
	s, err := OpenStore(StoreConfig{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := s.Create(diedAt, RulePreviousDeath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.WriteManifest(deathManifest()); err != nil {
		t.Fatal(err)
	}
	r, err := s.Explain(f.ID())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())
	for _, want := range []string{
		"The previous process was OOM-killed after 10:15:30.123 UTC",
		"Who leaked: storage.(*Cache).Put",
		"killed by the kernel for want of memory",
		"between 2026-11-20 10:15:30.123 UTC (its last sample) and 2026-11-20 10:15:31.323 UTC (found); samples came every 10 ms then",
		"twice the limit instead of a fix would buy 3 h 24 min more",
		"▲ last sample 10:15:30",
		filepath.Join(s.Dir(), "20261120T101529.123Z-memory-7f3a", ReportText),
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, not := range []string{"there is no heap profile", "No evidence", "rule previous-death"} {
		if strings.Contains(text.String(), not) {
			t.Errorf("the report says %q", not)
		}
	}
	if err := f.WriteReport(r); err != nil {
		t.Error(err)
	}
}

func TestFewDeathsAreKept(t *testing.T) {
	var list []kept
	for i := range 12 {
		list = append(list, kept{ID: fmt.Sprint(i), Rule: RulePreviousDeath, Opened: diedAt.Add(time.Duration(i) * time.Minute)})
	}
	list = append(list, kept{ID: "leak", Rule: "memory", Opened: diedAt})
	got := retain(list, limits{Bytes: 1 << 20, Incidents: 20, Age: time.Hour}, diedAt.Add(12*time.Minute))
	if want := []string{"1", "2", "3", "4", "5", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("removed %q, want %q", got, want)
	}
}

func TestBoxesAreSwept(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	put := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	box := func(i int) string { return fmt.Sprintf("blackbox-20261120T%02d%02d00.000Z-17-7f3a", i/60, i%60) }
	for i := range mostBoxes + 3 {
		put(box(i), 2*time.Hour)
	}
	put("crash-20261120T000500.000Z-17-7f3a", 2*time.Hour)                  // its box is kept
	put("crash-20261120T000500.000Z-18-7f3a", 2*time.Hour)                  // has none
	put("crash-20261120T000500.000Z-19-7f3a", time.Minute)                  // is being made
	put("blackbox-20271120T000000.000Z-17-7f3a", staleBox+time.Hour)        // newest by name, old by age
	put("blackbox-20271120T000000.000Z-17-7f3a.mine", staleBox+time.Hour*2) // somebody else's
	put("deaths", staleBox+time.Hour*2)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sweep(root, now)
	left, err := names(root)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := 4; i < mostBoxes+3; i++ {
		want = append(want, box(i))
	}
	want = append(want, "blackbox-20271120T000000.000Z-17-7f3a.mine", "crash-20261120T000500.000Z-17-7f3a", "crash-20261120T000500.000Z-19-7f3a", "deaths")
	if !slices.Equal(left, want) {
		t.Errorf("left %d: %q\nwant %d: %q", len(left), left, len(want), want)
	}
}
