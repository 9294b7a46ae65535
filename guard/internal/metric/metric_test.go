package metric

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// collect returns all values by name and labels.
func collect(s guard.Snapshot) map[string]float64 {
	all := make(map[string]float64)
	for _, m := range List() {
		m.Read(&s, func(v float64, labels ...string) {
			all[strings.Join(append([]string{m.Name}, labels...), " ")] = v
		})
	}
	return all
}

func state() guard.Snapshot {
	r := incident.NewReading(time.Now())
	r.HeapLive, r.HeapAlloc, r.Goroutines, r.RSS, r.RSSAnon, r.RSSShmem, r.Unreclaimable = 30, 40, 7, 100, 90, 0, 90
	return guard.Snapshot{
		Reading: r, Rate: 10, Limits: guard.Limits{Kill: 190, KillSource: "config"},
		Rules: []guard.RuleState{
			{Rule: guard.Rule{Name: "memory"}, Open: true, Incidents: 3},
			{Rule: guard.Rule{Name: "goroutines"}},
		},
		Trends:         []incident.Trend{{Signal: "live heap", State: "leaking"}},
		GoroutineSites: []incident.GoroutineSite{{Count: 4, Leaking: true}, {Count: 8}},
		Profiles:       []guard.ProfileCount{{Kind: profile.Heap, Outcome: incident.OutcomeWritten, Count: 6}},
		Pressure:       guard.PressureState{Under: true, Episodes: 2},
		Counters:       guard.Counters{Readings: 11, Manual: 2, Censuses: 1, DroppedEvents: 5},
	}
}

func TestValues(t *testing.T) {
	got := collect(state())
	for name, want := range map[string]float64{
		"live_heap": 30, "goroutines": 7, "resident_set": 100, "memory": 90, "limit config": 190,
		"memory_growth": 10, "time_to_limit": 10, "leaked_goroutines": 4,
		"under_pressure": 1, "pressure_episodes": 2, "rule_open memory": 1, "rule_open goroutines": 0, "incidents memory": 3, "incidents goroutines": 0, "incidents manual": 2,
		"trend_state live heap leaking": 1, "trend_state live heap calm": 0,
		"captures heap written": 6, "readings": 11, "dropped event queue_full": 5, "panics": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
	var sum float64
	for name, v := range got {
		if strings.HasPrefix(name, "memory_part ") {
			sum += v
		}
	}
	if sum != 100 {
		t.Errorf("the parts of the memory add up to %v, want the resident set's 100", sum)
	}
	r := state().Reading
	if n := len(r.Division().Parts()); n != len(partNames) {
		t.Errorf("%d parts have labels, there are %d", len(partNames), n)
	}
}

// Unknown values are absent, never 0 or -1.
func TestUnknownIsAbsent(t *testing.T) {
	unknown := guard.Snapshot{Reading: incident.NewReading(time.Now())}
	for _, s := range []guard.Snapshot{{}, unknown} {
		for name, v := range collect(s) {
			counts := slices.ContainsFunc(counters(), func(m Metric) bool { return strings.HasPrefix(name, m.Name) })
			if !counts && !((name == "memory_growth" || name == "under_pressure") && !s.Reading.Time.IsZero()) {
				t.Errorf("%s is %v of a guard that knows nothing", name, v)
			}
			if v != 0 {
				t.Errorf("%s is %v", name, v)
			}
		}
	}
}

func TestTimeToLimit(t *testing.T) {
	for _, c := range []struct {
		rate   float64
		memory profile.Bytes
		want   float64
	}{{0, 90, math.Inf(1)}, {-5, 90, math.Inf(1)}, {50, 90, 2}, {50, 190, 0}, {0, 300, 0}} {
		s := state()
		s.Rate, s.Reading.Unreclaimable = c.rate, c.memory
		if got := collect(s)["time_to_limit"]; got != c.want {
			t.Errorf("at %v B/s and %v of 190 B: %v s, want %v", c.rate, c.memory, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	valid := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen := make(map[string]bool)
	for _, m := range List() {
		if !valid.MatchString(m.Name) || seen[m.Prometheus()] || seen[m.OpenTelemetry()] {
			t.Errorf("name %q, %q, %q", m.Name, m.Prometheus(), m.OpenTelemetry())
		}
		seen[m.Prometheus()], seen[m.OpenTelemetry()] = true, true
		if !strings.HasSuffix(m.Help, ".") || m.Unit == "" {
			t.Errorf("%s: help %q, unit %q", m.Name, m.Help, m.Unit)
		}
		if m.Kind == Counter != strings.HasSuffix(m.Prometheus(), "_total") {
			t.Errorf("%s is %v", m.Prometheus(), m.Kind)
		}
	}
}
