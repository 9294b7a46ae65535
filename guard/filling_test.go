package guard

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestCacheWatch(t *testing.T) {
	const cache, dirty, heap = incident.VerdictCacheAtLimit, incident.VerdictDirty, incident.VerdictGoHeap
	type step struct {
		at    time.Duration
		share float64
		class incident.VerdictClass
		say   bool
	}
	const s, m = time.Second, time.Minute
	for name, steps := range map[string][]step{
		"once while it lasts":             {{0, 0.5, cache, false}, {1 * s, 0.96, cache, true}, {2 * s, 1, cache, false}, {3 * m, 0.9, cache, false}, {9 * m, 1, cache, false}},
		"a short dip is the same episode": {{0, 1, cache, true}, {1 * s, 0.2, cache, false}, {50 * s, 0.2, cache, false}, {55 * s, 1, cache, false}},
		"dips that do not add up":         {{0, 1, cache, true}, {1 * s, 0.2, cache, false}, {50 * s, 1, cache, false}, {51 * s, 0.2, cache, false}, {100 * s, 0.2, cache, false}, {101 * s, 1, cache, false}},
		"the next episode":                {{0, 1, cache, true}, {1 * s, 0.2, cache, false}, {61 * s, 0.2, cache, false}, {62 * s, 1, cache, true}},
		"below the line":                  {{0, 0.94, cache, false}},
		"not the cache":                   {{0, 1, heap, false}, {1 * m, 1, heap, false}},
		"dirty for a moment":              {{0, 1, dirty, false}, {4 * s, 1, dirty, false}, {5 * s, 1, cache, true}, {6 * s, 1, dirty, false}},
		"dirty for long":                  {{0, 1, dirty, false}, {5 * s, 1, dirty, true}, {9 * s, 1, dirty, false}, {10 * s, 1, cache, true}, {40 * s, 1, dirty, false}, {50 * s, 1, dirty, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var w cacheWatch
			for _, s := range steps {
				if got := w.step(s.at, s.share, s.class); got != s.say {
					t.Errorf("at %v: said %v, want %v", s.at, got, s.say)
				}
			}
		})
	}
}

func TestHistoryFrom(t *testing.T) {
	h := newHistory()
	began := time.Now()
	if h.from(began) != nil {
		t.Error("something in an empty history")
	}
	for i := range 3 * recentReadings {
		r := incident.NewReading(began.Add(time.Duration(i) * time.Second))
		h.add(&r)
	}
	last := time.Duration(3*recentReadings-1) * time.Second
	for back, want := range map[time.Duration]time.Duration{
		10 * time.Second: 10 * time.Second, verdictSpan: verdictSpan - 24*time.Second, time.Hour: last,
	} {
		// Older readings are kept one a minute, so it may be younger by that.
		r := h.from(began.Add(last - back))
		if age := last - r.Time.Sub(began); age > back || age < want-time.Minute {
			t.Errorf("from %v back: one of %v ago", back, age)
		}
	}
}

// A service that has been idle for 40 s does not grow, although it did before.
func TestVerdictOfAServiceAtRest(t *testing.T) {
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	// grow fills the heap by 183 MiB in so many seconds; then the service idles.
	for name, test := range map[string]struct {
		grows, idles int // seconds
		noise        profile.Bytes
		text         string
	}{
		"idle for 40 s":           {10, 40, 50 << 10, "calm: 201.0 MiB of 512.0 MiB in use"},
		"idle for 8 min":          {60, 480, 50 << 10, "calm: 201.0 MiB of 512.0 MiB in use"},
		"idle for 5 s":            {10, 5, 50 << 10, "Go heap grew by 183.0 MiB in 15 s to 199.0 MiB of 512.0 MiB, 183.0 MiB live"},
		"it still grows":          {600, 0, 50 << 10, "Go heap grew by 183.0 MiB in 10 min to 199.0 MiB of 512.0 MiB, 183.0 MiB live"},
		"busy, at the same level": {10, 40, 10 << 20, "Go heap grew by 183.0 MiB in 50 s to 199.0 MiB of 512.0 MiB, 183.0 MiB live"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			r := incident.NewReading(start)
			r.Limit, r.CgroupLimit = 512*mib, 512*mib
			for i := range test.grows + test.idles + 1 {
				r.Time = start.Add(time.Duration(i) * time.Second)
				held := profile.Bytes(183 * mib * float64(min(i, test.grows)) / float64(test.grows))
				r.HeapLive, r.HeapAlloc, r.HeapSys, r.HeapReleased, r.StackInuse, r.NumGC = held, held, held+16*mib, 0, 0, 1
				r.Sys, r.RSSAnon = r.HeapSys, r.HeapSys
				r.CgroupAnon, r.CgroupUsage, r.Unreclaimable = r.RSSAnon, r.RSSAnon+2*mib, r.RSSAnon+2*mib
				r.TotalAlloc = held + profile.Bytes(i)*test.noise
				h.add(&r)
			}
			if got := verdictNow(&r, h.from); got.Text != test.text {
				t.Errorf("%q, want %q", got.Text, test.text)
			}
		})
	}
}
