package guard

import (
	"testing"
	"time"

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
