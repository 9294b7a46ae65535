package diff

import (
	"fmt"
	"math"
	"strings"
	"testing"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

// hostileProfile makes a valid profile of what a fuzzer gives: values that overflow, stacks
// that repeat themselves, locations without functions and with many, names of any bytes
// and length, and labels by the dozen.
func hostileProfile(kind string, names string, code []byte) *pprofile.Profile {
	p := profiletest.StackOf(kind, nil)
	at := 0
	next := func() int {
		if at >= len(code) {
			return 0
		}
		at++
		return int(code[at-1])
	}
	for i, name := range strings.SplitN(names, "\n", 32) {
		if i%3 == 2 {
			name = strings.Repeat(name, 40)
		}
		p.Function = append(p.Function, &pprofile.Function{ID: uint64(i + 1), Name: name, SystemName: "x", Filename: name, StartLine: int64(i) << (4 * i % 60)})
	}
	for i := range 1 + next()%16 {
		l := &pprofile.Location{ID: uint64(i + 1)}
		for range next() % 8 {
			line := pprofile.Line{Function: p.Function[next()%len(p.Function)], Line: int64(next()-128) << (next() % 56)}
			if next()%16 == 1 {
				line.Function = nil
			}
			l.Line = append(l.Line, line)
		}
		p.Location = append(p.Location, l)
	}
	extremes := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 61, -1 << 61, 1<<61 + 1, 1 << 40}
	for at < len(code) && len(p.Sample) < 512 {
		s := &pprofile.Sample{}
		for range p.SampleType {
			s.Value = append(s.Value, extremes[next()%len(extremes)])
		}
		depth, from, step := next(), next(), next()%3
		if depth > 250 {
			depth = 40 * depth
		}
		for i := range depth { // step 0 is recursion, others go around
			s.Location = append(s.Location, p.Location[(from+i*step)%len(p.Location)])
		}
		for i := range next() % 40 {
			if s.Label == nil {
				s.Label = make(map[string][]string)
			}
			key := fmt.Sprint(i%7, names)
			s.Label[key] = append(s.Label[key], p.Function[i%len(p.Function)].Name)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

// No valid profile breaks a comparison, or makes it return more than its bounds.
func FuzzCompareHostile(f *testing.F) {
	kinds := []string{"heap", "goroutine", "goroutineleak", "cpu"}
	names := "runtime.gopark\nruntime.chanrecv1\ngithub.com/dep/lib.F\nmain.f\nmain.main\n\xff%2e/\n[...]"
	for i := range kinds {
		f.Add(uint8(i), names, []byte{9, 3, 1, 2, 3, 0, 7, 3, 3, 5, 250, 1, 39, 4, 4, 2, 255, 0, 1}, []byte{1, 1, 1, 200, 50, 2, 3, 3, 20, 0, 0, 9})
	}
	f.Fuzz(func(t *testing.T, kind uint8, names string, before, after []byte) {
		if len(names) > 4<<10 || len(before)+len(after) > 8<<10 {
			return // it is slow to explore, and nothing else
		}
		of := kinds[int(kind)%len(kinds)]
		base, now := hostileProfile(of, names, before), hostileProfile(of, names, after)
		if now.CheckValid() != nil || base.CheckValid() != nil {
			return
		}
		for _, b := range []*pprofile.Profile{nil, base, now} {
			c, err := Compare(b, now, Config{Rows: 5, MainModule: "main"})
			if err != nil {
				continue
			}
			checkSums(t, c)
			if b == now && (c.Total.Growth() != 0 || len(c.Suspects) > 0 && c.Kind != profile.GoroutineLeak) {
				t.Errorf("a profile has grown against itself: %+v, %v", c.Total, c.Suspects)
			}
			if len(c.Sites) > 5 || len(c.Functions) > 5 || len(c.Goroutines) > 5 || len(c.Suspects) > mostSuspects {
				t.Errorf("%d sites, %d functions, %d groups, %d suspects", len(c.Sites), len(c.Functions), len(c.Goroutines), len(c.Suspects))
			}
		}
	})
}
