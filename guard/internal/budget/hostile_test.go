package budget

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

// hostile are profiles that Read accepts and that are made to be expensive to compare:
// many of one thing for few bytes. size scales them.
func hostile(size int) map[string]*pprofile.Profile {
	add := func(p *pprofile.Profile, name string, lines int) *pprofile.Location {
		f := &pprofile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: "/src/x.go"}
		p.Function = append(p.Function, f)
		l := &pprofile.Location{ID: uint64(len(p.Location) + 1)}
		for i := range lines {
			l.Line = append(l.Line, pprofile.Line{Function: f, Line: int64(i)})
		}
		p.Location = append(p.Location, l)
		return l
	}
	of := func(kind string) *pprofile.Profile { return profiletest.StackOf(kind, nil) }
	sample := func(p *pprofile.Profile, n int64, stack ...*pprofile.Location) *pprofile.Sample {
		s := &pprofile.Sample{Location: stack, Value: []int64{n}}
		if len(p.SampleType) == 2 {
			s.Value = []int64{1, n}
		}
		p.Sample = append(p.Sample, s)
		return s
	}
	all := make(map[string]*pprofile.Profile)

	// One long leaf, which the reasons of each site would name.
	p := of("heap")
	leaf := add(p, "github.com/dep/lib."+strings.Repeat("x", 1000), 1)
	for i := range 10 * size {
		sample(p, 64<<20, leaf, add(p, fmt.Sprintf("a/b%d.F%d", i, i), 1))
	}
	all["sites with a long leaf"] = p

	// Each stack is one location of 1,000 inlined frames.
	p = of("heap")
	deep := add(p, "a/b.Deep", 1000)
	for i := range 100 * size {
		sample(p, int64(i+1)<<20, deep)
	}
	all["inlined frames"] = p

	// Each sample has a place of its own.
	p = of("cpu")
	one := add(p, "a/b.One", 1)
	for i := range 20 * size {
		l := &pprofile.Location{ID: uint64(len(p.Location) + 1), Line: []pprofile.Line{{Function: p.Function[0], Line: int64(i)}}}
		p.Location = append(p.Location, l)
		sample(p, int64(i+1)<<20, l, one)
	}
	all["lines"] = p

	p = of("heap")
	many := add(p, "a/b.F", 1)
	for range 200 * size {
		sample(p, 1<<62, many)
	}
	all["samples that overflow"] = p

	// Goroutines: each stack is a group, with labels of its own.
	for name, labels := range map[string]int{"groups of goroutines": 0, "labels": 16} {
		p = of("goroutine")
		park, recv := add(p, "runtime.gopark", 1), add(p, "runtime.chanrecv1", 1)
		for i := range 5 * size {
			s := sample(p, 1000, park, recv, add(p, fmt.Sprintf("a/b.F%d", i), 1))
			for j := range labels {
				if s.Label == nil {
					s.Label = map[string][]string{}
				}
				s.Label[fmt.Sprintf("key-%d-%s", j, strings.Repeat("k", 40))] = []string{fmt.Sprintf("%d-%s", i%64, strings.Repeat("v", 100))}
			}
		}
		all[name] = p
	}

	p = of("goroutine")
	p1 := add(p, "runtime.gopark", 1)
	var few []*pprofile.Location
	for i := range 100 {
		few = append(few, add(p, fmt.Sprintf("a/b.F%d", i), 1))
	}
	for i := range min(10*size, len(few)*len(few)) {
		sample(p, 5, p1, few[i%len(few)], few[i/len(few)])
	}
	all["pairs of functions"] = p

	p = of("goroutine")
	plumb := add(p, "runtime.gopark", 1)
	for range 20 * size {
		sample(p, 5, slicesRepeat(plumb, 64)...)
	}
	all["plumbing"] = p
	return all
}

func slicesRepeat(l *pprofile.Location, n int) []*pprofile.Location {
	list := make([]*pprofile.Location, n)
	for i := range list {
		list[i] = l
	}
	return list
}

// A small file of somebody else that explodes only when it is compared is predicted: the
// guard would start an explanation that kills its process otherwise, at each start.
func TestPredictUnpackedHoldsForHostileProfiles(t *testing.T) {
	if testenv.RaceEnabled {
		t.Skip("the race detector allocates, too")
	}
	for name, p := range hostile(1000) {
		data := profiletest.Encode(t, p)
		predicted := PredictUnpacked(bytes.NewReader(data))
		took := allocated(func() {
			read, err := profile.Read(bytes.NewReader(data))
			if err == nil {
				_, err = diff.Compare(nil, read, diff.Config{})
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		t.Logf("%s: file of %v took %v, predicted %v", name, profile.Bytes(len(data)), profile.Bytes(took), profile.Bytes(predicted))
		if took > predicted {
			t.Errorf("%s: %v allocated, more than the %v predicted", name, profile.Bytes(took), profile.Bytes(predicted))
		}
	}
}

func TestPredictText(t *testing.T) {
	if testenv.RaceEnabled {
		t.Skip("the race detector allocates, too")
	}
	park := profiletest.StackOf("goroutine", map[string]int64{"runtime.gopark a/b.F": 3})
	for name, text := range map[string]string{
		"short lines":     "goroutine 1 [select]:\n" + strings.Repeat("p.F()\n", 300_000),
		"many goroutines": strings.Repeat("goroutine 1 [select]:\np.F()\n\n", 50_000),
	} {
		took := allocated(func() {
			if _, err := diff.Compare(nil, park, diff.Config{GoroutineText: strings.NewReader(text)}); err != nil {
				t.Error(err)
			}
		})
		predicted := PredictText(int64(len(text)))
		t.Logf("%s: text of %v took %v, predicted %v", name, profile.Bytes(len(text)), profile.Bytes(took), profile.Bytes(predicted))
		if took > predicted+1<<20 {
			t.Errorf("%s: %v allocated, more than the %v predicted", name, profile.Bytes(took), profile.Bytes(predicted))
		}
	}
}
