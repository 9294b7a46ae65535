package diff

import (
	"errors"
	"strings"
	"testing"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/internal/profiletest"
	"github.com/leakguard/leakguard/profile"
)

func TestCompareRefusesAndWarns(t *testing.T) {
	heap := profiletest.StackOf(profile.Heap.String(), map[string]int64{"main.f": 40 << 20})
	goroutines := profiletest.StackOf(profile.Goroutine.String(), map[string]int64{"main.f": 4})
	mutex := &pprofile.Profile{SampleType: []*pprofile.ValueType{{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}}}
	with := func(change func(p *pprofile.Profile)) *pprofile.Profile {
		p := heap.Copy()
		change(p)
		return p
	}
	for name, tt := range map[string]struct {
		base, now *pprofile.Profile
		want      error
		say       string
	}{
		"nothing":      {nil, nil, ErrKind, "is nil"},
		"another kind": {heap, goroutines, ErrKind, "the baseline is a heap profile, the other a goroutine profile"},
		"mutex":        {nil, mutex, ErrKind, "contentions/count"},
		"mutex base":   {mutex, heap, ErrKind, "base"},
		"empty":        {heap, profiletest.StackOf(profile.Heap.String(), nil), ErrNoSamples, "no samples"},
		"no values":    {nil, with(func(p *pprofile.Profile) { p.Sample[0].Value = nil }), profile.ErrNotProfile, "do not match"},
		"no place":     {heap, with(func(p *pprofile.Profile) { p.Sample[0].Location[0] = nil }), profile.ErrNotProfile, "location"},
	} {
		c, err := Compare(tt.base, tt.now, Config{})
		if c != nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.say) || !strings.HasPrefix(err.Error(), "diff: compare: ") {
			t.Errorf("%s: %v, want an error that is %v and says %q", name, err, tt.want, tt.say)
		}
	}
	if c := compared(t, nil, profiletest.StackOf(profile.GoroutineLeak.String(), nil), Config{}); len(c.Suspects) != 0 || c.Flame != nil {
		t.Errorf("no leaks: %+v", c)
	}

	binary := func(file, id string) func(*pprofile.Profile) {
		return func(p *pprofile.Profile) { p.Mapping = []*pprofile.Mapping{{ID: 1, File: file, BuildID: id}} }
	}
	for say, tt := range map[string]struct {
		base, now *pprofile.Profile
		cfg       Config
	}{
		"there is no baseline: everything counts as growth": {nil, heap, Config{}},
		"the baseline is empty":                             {profiletest.StackOf(profile.Heap.String(), nil), heap, Config{}},
		"may be swapped":                                    {with(func(p *pprofile.Profile) { p.TimeNanos += 1e12 }), heap, Config{}},
		"from another program: cart, not shop":              {with(binary("/srv/cart", "1")), with(binary("/srv/shop", "2")), Config{}},
		"from another build":                                {with(binary("/srv/shop", "1")), with(binary("/opt/shop (deleted)", "2")), Config{}},
		"the sampling rates differ, 1 B and 512.0 KiB":      {with(func(p *pprofile.Profile) { p.Period = 1 }), heap, Config{}},
		"hides sites that hold less than about 512.0 KiB":   {heap, heap, Config{}},
		"one GC cycle old":                                  {heap, heap, Config{StaleCycles: 1}},
		"two GC cycles old":                                 {heap, heap, Config{StaleCycles: 2}},
		"12 GC cycles old":                                  {heap, heap, Config{StaleCycles: 12}},
		"outside the Go heap: process memory grew by 100.0 MiB, the heap in use grew by 0 B": {heap, heap, Config{MemoryGrowth: 100 << 20}},
	} {
		c := compared(t, tt.base, tt.now, tt.cfg)
		n := 0
		for _, w := range c.Warnings {
			if strings.Contains(w, say) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("warnings %q, want one that says %q", c.Warnings, say)
		}
	}
	calm := compared(t, with(func(p *pprofile.Profile) { p.Sample[0].Value[1] = 1 << 20 }), heap, Config{MemoryGrowth: 80 << 20})
	if len(calm.Warnings) != 0 {
		t.Errorf("nothing to warn of: %q", calm.Warnings)
	}
}
