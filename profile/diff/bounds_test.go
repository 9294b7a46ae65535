package diff

import (
	"fmt"
	"strings"
	"testing"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
)

// A file of 100 KB can have a million stacks of a thousand inlined frames. Stacks beyond a
// number of frames are cut, and the comparison says so.
func TestCompareBoundsTheFrames(t *testing.T) {
	p := profiletest.StackOf("heap", map[string]int64{"main.f": 1 << 20})
	inlined := p.Location[0]
	for len(inlined.Line) < maxStack {
		inlined.Line = append(inlined.Line, inlined.Line[0])
	}
	for range maxFrames/maxStack + 100 {
		p.Sample = append(p.Sample, p.Sample[0])
	}
	c, err := Compare(nil, p, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(p.Sample)) << 20; c.Total.After != want {
		t.Errorf("total %d, want %d", c.Total.After, want)
	}
	if text := strings.Join(c.Warnings, "\n"); !strings.Contains(text, "the profiles are too large: of 100 stacks only the innermost 16 frames count") {
		t.Errorf("warnings: %s", text)
	}
}

// Of any number of sites and groups only those that are listed get reasons, which name
// functions: a leaf of 1 KiB below 100,000 sites would be 100 MiB of reasons.
func TestCompareGivesReasonsToWhatItLists(t *testing.T) {
	for _, kind := range []string{"heap", "goroutine"} {
		stacks := make(map[string]int64)
		leaf := "github.com/dep/lib." + strings.Repeat("x", 1000)
		for i := range 4000 {
			stacks[fmt.Sprintf("%s example.com/p.F%d", leaf, i)] = 64 << 20
		}
		p := profiletest.StackOf(kind, stacks)
		base := &pprofile.Profile{SampleType: p.SampleType, PeriodType: p.PeriodType, Period: p.Period}
		n := testing.AllocsPerRun(1, func() {
			c, err := Compare(base, p, Config{})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Suspects) > mostSuspects {
				t.Errorf("%d suspects", len(c.Suspects))
			}
			for _, s := range c.Suspects {
				if len(s.Reasons) == 0 {
					t.Error("a suspect without reasons")
				}
			}
		})
		// Each site takes a few for its sums and its callers; its reasons took 13 more.
		if most := 24 * 4000; n > float64(most) {
			t.Errorf("%s: %.0f allocations for 4,000 sites, want at most %d", kind, n, most)
		}
	}
}

// Goroutines at any number of places do not keep the texts of their labels.
func TestCompareBoundsTheLabels(t *testing.T) {
	p := profiletest.StackOf("goroutine", map[string]int64{"runtime.gopark main.f:1 # k=v": 1})
	fn := p.Sample[0].Location[1].Line[0].Function
	for i := range maxGroupsLabels + 1000 {
		l := &pprofile.Location{ID: uint64(100 + i), Line: []pprofile.Line{{Function: fn, Line: int64(i + 2)}}}
		p.Location = append(p.Location, l)
		p.Sample = append(p.Sample, &pprofile.Sample{Location: []*pprofile.Location{p.Sample[0].Location[0], l}, Value: []int64{1}, Label: p.Sample[0].Label})
	}
	c, err := Compare(nil, p, Config{Rows: 2 * maxGroupsLabels})
	if err != nil {
		t.Fatal(err)
	}
	labelled := 0
	for _, g := range c.Goroutines {
		if g.Labels != "" {
			labelled++
		}
	}
	if labelled != maxGroupsLabels || len(c.Goroutines) != maxGroupsLabels+1001 {
		t.Errorf("%d of %d groups have labels, want %d", labelled, len(c.Goroutines), maxGroupsLabels)
	}
}
