package guard

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// TestIdleCPUFigures prints the figures of the package documentation: how often
// rule 'idle-cpu' is wrong, and how soon it is right. The series are others than
// those of the tests that its hold was chosen by.
func TestIdleCPUFigures(t *testing.T) {
	if os.Getenv("IDLE_CPU_FIGURES") == "" {
		t.Skip("takes a minute; set IDLE_CPU_FIGURES to run it")
	}
	const series, days = 10, 14
	names := make([]string, 0, len(healthy))
	for name := range healthy {
		names = append(names, name)
	}
	sort.Strings(names)
	alarms := 0
	for _, name := range names {
		for seed := range uint64(series) {
			if did, at, _ := healthy[name].during(newTimeline(t, limit1000, idleCPU(t)), days, 100+seed, 0); len(did) > 0 {
				alarms++
				t.Logf("false alarm: %s, series %d, after %v", name, seed, at)
			}
		}
	}
	t.Logf("%d false alarms in %d series of %d days", alarms, series*len(names), days)
	for _, name := range names {
		for _, anHour := range []float64{100, 200} {
			var after []time.Duration
			for seed := range uint64(3) {
				if _, at, _ := healthy[name].and(tickers(anHour, 0)).during(newTimeline(t, limit1000, idleCPU(t)), 10, 100+seed, anHour); at > 0 {
					after = append(after, at)
				}
			}
			line := fmt.Sprintf("%-34s %3.0f tickers an hour: found %d of 3", name, anHour, len(after))
			if len(after) > 0 {
				slices.Sort(after)
				at := after[len(after)/2]
				cpu, _ := tickers(anHour, 0)(at, nil)
				line += fmt.Sprintf(", after %v, when they used %v", at.Round(time.Hour), profile.MilliCPU(cpu))
			}
			t.Log(line)
		}
	}
}
