package guardtest

import (
	"slices"
	"testing"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

// stackOf returns a sample with the functions as its stack, leaf first.
func stackOf(functions ...string) *pprofile.Sample {
	s := new(pprofile.Sample)
	for _, f := range functions {
		s.Location = append(s.Location, &pprofile.Location{Line: []pprofile.Line{{Function: &pprofile.Function{Name: f}}}})
	}
	return s
}

func functionsOf(p *pprofile.Profile) [][]string {
	var all [][]string
	for _, s := range p.Sample {
		var stack []string
		for _, l := range s.Location {
			stack = append(stack, l.Line[0].Function.Name)
		}
		all = append(all, stack)
	}
	return all
}

func TestCutBelow(t *testing.T) {
	p := &pprofile.Profile{Sample: []*pprofile.Sample{
		stackOf("bytes.growSlice", "example.com/dep.(*Cache).Put", iterateFrame, ownPackage+"NoHeapGrowth", "example.com/app.TestPut", "testing.tRunner"),
		stackOf("example.com/app.background"),
		stackOf("runtime.allocm", iterateFrame, ownPackage+"NoHeapGrowth"),
		stackOf(iterateFrame, ownPackage+"NoHeapGrowth"),
		stackOf("time.NewTimer", ownPackage+"(*heapMeter).collect", ownPackage+"(*heapRun).decide"),
	}}
	cutBelow(p)
	want := [][]string{{"bytes.growSlice", "example.com/dep.(*Cache).Put"}, {"example.com/app.background"}, {"runtime.allocm"}}
	if got := functionsOf(p); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIterateFrameIsItsName(t *testing.T) {
	var seen bool
	r := newHeapRun(func() {
		raw, err := captureProfile(profile.Goroutine)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pprofile.ParseData(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, stack := range functionsOf(p) {
			seen = seen || slices.Contains(stack, iterateFrame)
		}
	}, heapOptions{})
	r.iterate(1)
	if !seen {
		t.Errorf("no goroutine is in %s: has it another name?", iterateFrame)
	}
}

func TestInNumber(t *testing.T) {
	for x, want := range map[float64]string{0.1: "0.1", 0.1003: "0.1", 1.6: "1.6", 1.003: "1", 8.512: "8.5", 16.04: "16", 1024.4: "1024", -57: "-57", 0: "0"} {
		if got := inNumber(x); got != want {
			t.Errorf("inNumber(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestRuntimeLast(t *testing.T) {
	var sites []diff.Row
	for _, function := range []string{"runtime.mallocgc", "shop.later", "runtime.growslice", "shop.link"} {
		sites = append(sites, diff.Row{Frame: profile.Frame{Function: function}})
	}
	runtimeLast(sites)
	var got []string
	for _, s := range sites {
		got = append(got, s.Frame.Function)
	}
	if want := []string{"shop.later", "shop.link", "runtime.mallocgc", "runtime.growslice"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
