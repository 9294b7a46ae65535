//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/internal/testenv"
)

// TestMain lets the test binary be the measured process, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childFlag {
		serve(os.Args[2])
		return
	}
	guardtest.Main(m)
}

// The smallest possible measurement: it tests whether it measures, not what.
func TestMeasure(t *testing.T) {
	r, err := measure(plan{
		pairs: 1, idle: 100 * time.Millisecond, workers: 1, rounds: 1, slice: 50 * time.Millisecond, clients: 2,
		warmUp: testenv.Scaled(2*time.Second, 500*time.Millisecond),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, series := range map[string][]float64{
		"fresh without": r.fresh.without, "fresh with": r.fresh.with, "worked without": r.worked.without, "worked with": r.worked.with,
		"later without": r.later.anonWithout, "later with": r.later.anonWith, "requests": r.rate, "CPU": r.cost, "descriptors": r.descriptors,
	} {
		if len(series) != 1 || series[0] <= 0 {
			t.Errorf("%s: %v", name, series)
		}
	}
	// The guard must use some memory; how much is not tested here.
	if r.fresh.with[0] <= r.fresh.without[0] {
		t.Errorf("with a guard %.1f MiB, without %.1f MiB", r.fresh.with[0], r.fresh.without[0])
	}
	if table := r.table(); strings.Count(table, "\n| ") != 11 {
		t.Errorf("table:\n%s", table)
	}
}

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		list []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.25, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{5, 4, 3, 2, 1}, 0.25, 2},
		{[]float64{5, 4, 3, 2, 1}, 1, 5},
	} {
		if got := quantile(c.list, c.q); got != c.want {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.list, got, c.want)
		}
	}
}
