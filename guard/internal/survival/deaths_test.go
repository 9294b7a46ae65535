//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/harness"
	"github.com/leakguard/leakguard/internal/testenv"
)

// TestDeaths makes the kernel kill processes for lack of memory. The next process
// must say so each time. Half of the next processes run in a new control group,
// like a restarted container.
//
// BLACKBOX_DEATHS sets the number, at up to 3000 MiB/s. 100 deaths take five minutes and
// need both processors. Without it there is a slow one, or three with STRICT_CI=1.
func TestDeaths(t *testing.T) {
	cases, alone := harness.SlowDeaths(testenv.Scaled(3, 1)), false
	if s := os.Getenv("BLACKBOX_DEATHS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("BLACKBOX_DEATHS=%s: want a number above 0", s)
		}
		cases, alone = harness.Deaths(n), true
	}
	testDeaths(t, cases, alone)
}

// TestThrottledDeaths does the same with processes that have a CPU quota.
func TestThrottledDeaths(t *testing.T) {
	testDeaths(t, harness.ThrottledDeaths(testenv.Scaled(3, 1)), false)
}

// testDeaths runs the cases. alone says that they have both processors.
func testDeaths(t *testing.T, cases []harness.Case, alone bool) {
	if _, err := harness.FindHierarchy("/"); err != nil {
		testenv.Need(t, false, err.Error())
	}
	dir, err := os.MkdirTemp("", "leakguard-deaths-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
		}
	})
	victim, err := harness.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []harness.Obituary
	late := 0
	for i, c := range cases {
		o, err := victim.Die(t.Context(), c, i%2 == 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
		t.Logf("%4.0f MiB/s, CPU %.0f%%, lag %v, killed %v, gone %v: %s", c.Rate, 100*c.CPU, o.Lag().Round(time.Millisecond),
			o.Killed.Sub(o.Death.LastSample).Round(time.Millisecond), o.Gone.Sub(o.Death.LastSample).Round(time.Millisecond), o.Death.Headline())
		// In the same group the kill count decides. In another one the last samples must:
		// a death that goes unnamed because they are late is what the box is there for.
		seen := alone || o.Lag() <= 2*lagAllowed
		if !o.Named() || seen && o.Death.Certain == o.Restarted {
			t.Errorf("%.0f MiB/s, CPU quota %v, restarted %v: %s (certain: %v), because %s; the last sample was %v older than the last sign of life",
				c.Rate, c.CPU, o.Restarted, o.Death.Cause, o.Death.Certain, o.Death.Why, o.Lag())
		}
		if o.Lag() > lagAllowed {
			late++
		}
	}
	var table strings.Builder
	if err := harness.WriteObituaries(&table, all); err != nil {
		t.Fatal(err)
	}
	// One in five may be late, because the machine's other load is unknown. Without
	// any it was one in 25.
	if alone && late > (len(all)+4)/5 {
		t.Errorf("%d of %d last samples are older than %v", late, len(all), lagAllowed)
	}
	t.Logf("%d deaths, %d with a last sample older than %v:\n%s", len(all), late, lagAllowed, table.String())
}

// lagAllowed is how old the last sample may be at the victim's last sign of life.
const lagAllowed = 50 * time.Millisecond
