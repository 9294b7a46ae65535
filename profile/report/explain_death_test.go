package report

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

var diedAt = time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)

func oomDeath() *incident.Death {
	return &incident.Death{
		Cause: incident.DeathOOM, Certain: true, Why: "oom_kill of its cgroup rose by 1",
		LastSample: diedAt, Every: 10 * time.Millisecond, Found: diedAt.Add(1200 * time.Millisecond), Lived: 204 * time.Minute,
		Memory: 511 << 20, Limit: 512 << 20, Rate: 800 << 20,
		Incidents: []string{"20261120T101529.123Z-memory-7f3a"},
		Culprit:   "storage.(*Cache).Put (storage/cache.go:42) holds 300.0 MiB more",
		Series:    incident.DeathSeries{Count: 7, Within: 24 * time.Hour, Every: 204 * time.Minute, Doubled: 204 * time.Minute},
	}
}

// deathManifest is a death as the next process reports it.
func deathManifest() incident.Manifest {
	m := incident.Manifest{Rule: incident.RulePreviousDeath, Trigger: incident.TriggerDeath, Opened: diedAt, Peak: 511 << 20, Unit: profile.UnitBytes, Death: oomDeath()}
	for i := range 100 {
		at := diedAt.Add(time.Duration(i-99) * 10 * time.Millisecond)
		m.History = append(m.History, incident.HistoryPoint{Time: at, Memory: profile.Bytes(100+4*i) << 20, LiveHeap: profile.Bytes(90+4*i) << 20, Goroutines: 10})
	}
	r := incident.NewReading(diedAt)
	r.Unreclaimable, r.Limit = 511<<20, 512<<20
	m.Readings = []incident.Reading{r}
	m.Reason, m.Headline = m.Death.Sentence(), m.Death.Headline()
	return m
}

func TestReportOfADeath(t *testing.T) {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := s.Create(diedAt, incident.RulePreviousDeath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.WriteManifest(deathManifest()); err != nil {
		t.Fatal(err)
	}
	r, err := ExplainFolder(filepath.Join(s.Dir(), f.ID()))
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
		"killed by the kernel: out of memory",
		"between 2026-11-20 10:15:30.123 UTC (last reading) and 2026-11-20 10:15:31.323 UTC (death noticed); readings were 10 ms apart",
		"twice the limit, without a fix, would have bought 3 h 24 min",
		"▲ last reading 10:15:30",
		filepath.Join(s.Dir(), "20261120T101529.123Z-memory-7f3a", incident.ReportText),
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
	if err := writeReport(f, r); err != nil {
		t.Error(err)
	}
}
