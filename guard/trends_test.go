package guard

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// swinging is a service's live heap, in MiB: a daily swing, GC noise, and what
// leaks an hour.
func swinging(at time.Duration, leak float64) int64 {
	h := at.Hours()
	noise := 8 * math.Sin(h*41) * math.Sin(h*17)
	return int64(200 + 40*math.Sin(2*math.Pi*h/24) + noise + leak*h)
}

// A leak of 2 MiB an hour under a daily swing of 80 MiB is found, once, and the
// reason says how long is left. Its absence is not.
func TestGrowingRule(t *testing.T) {
	rule := Rule{Name: "live-heap-leak", Signal: LiveHeap, Line: Growing()}
	see := func(leak float64) func(time.Duration) func(*incident.Reading) {
		return func(at time.Duration) func(*incident.Reading) { return live(swinging(at, leak)) }
	}
	t.Run("leak", func(t *testing.T) {
		tl := newTimeline(t, limit1000, rule)
		did := make(map[string]int)
		var reason string
		for at := time.Minute; at <= 96*time.Hour; at += time.Minute {
			what := tl.look(at, see(2)(at))
			if what == "" {
				continue
			}
			if did[what]++; reason == "" {
				reason = tl.last[0].reason
				if at < 6*time.Hour {
					t.Errorf("called a leak after %v, when warm-up looks the same", at)
				}
			}
		}
		if did["open live-heap-leak, capture live-heap-leak"] != 1 || len(did) != 1 {
			t.Errorf("got %v, want one incident", did)
		}
		if !regexp.MustCompile(`^live heap [\d.]+ MiB, growing by [\d.]+ MiB \([\d.]+ [KM]iB to [\d.]+ MiB\) an hour for \d+ (h|d)( \d+ (min|h))?, the limit of 1000\.0 MiB in \d+ d( \d+ h)? to \d+ d( \d+ h)?$`).MatchString(reason) {
			t.Errorf("the reason is %q", reason)
		}
		list := tl.obs.trends.list(nil, &tl.obs.view, noonOfTimeline)
		if len(list) != 1 || list[0].State != "leaking" || list[0].Signal != "live heap" || list[0].Slope < 1.5*mib || list[0].Slope > 2.5*mib {
			t.Errorf("the trends are %+v", list)
		}
		if onset, ok := tl.obs.trends.onset(LiveHeap); !ok || onset > 30*time.Hour {
			t.Errorf("it began at %v, %v", onset, ok)
		}
	})
	t.Run("no leak", func(t *testing.T) {
		tl := newTimeline(t, limit1000, rule)
		tl.wantCounts(tl.count(96*time.Hour, time.Minute, see(0)), map[string]int{})
		tl.decided(0, "calm")
	})
}

var noonOfTimeline = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Days of history are in an incident's picture: bounded, in order, and seamless.
func TestPastPoints(t *testing.T) {
	tl := newTimeline(t, limit1000)
	l := &loop{history: newHistory(), started: noonOfTimeline}
	for at := time.Minute; at <= 72*time.Hour; at += time.Minute {
		tl.look(at, all(live(100+int64(at.Hours())), memory(200+int64(at.Hours())), goroutines(50)))
		tl.reading.Time = l.started.Add(at)
		l.history.add(&tl.reading)
	}
	l.observer = tl.obs
	points := l.pastPoints()
	if n := len(points); n < 150 || n > historyPoints {
		t.Fatalf("%d points, want up to %d", n, historyPoints)
	}
	for i, p := range points {
		at := p.Time.Sub(l.started)
		if p.Memory < 198*mib || p.Memory > (202+profile.Bytes(at.Hours()))*mib || p.LiveHeap > p.Memory-99*mib || p.Goroutines != 50 {
			t.Fatalf("point %d, of %v: %+v", i, at, p)
		}
		if i > 0 {
			if apart := p.Time.Sub(points[i-1].Time); apart <= 0 || apart > 80*time.Minute {
				t.Fatalf("point %d comes %v after its predecessor", i, apart)
			}
		}
	}
	if first := points[0].Time.Sub(l.started); first > time.Hour {
		t.Errorf("the first point is of %v", first)
	}
}

// A trend that nobody can know opens nothing and is not listed.
func TestTrendUnknown(t *testing.T) {
	tl := newTimeline(t, limit1000, Rule{Name: "non-go-leak", Signal: NonGo, Line: Growing()})
	tl.wantCounts(tl.count(time.Hour, time.Minute, func(time.Duration) func(*incident.Reading) { return memory(100) }), map[string]int{})
	if list := tl.obs.trends.list(nil, &tl.obs.view, noonOfTimeline); len(list) != 0 {
		t.Errorf("trends of unknown signals: %+v", list)
	}
}

func TestNonGo(t *testing.T) {
	r := incident.NewReading(noonOfTimeline)
	if got := nonGo(&r); got != profile.Unknown {
		t.Errorf("nonGo of unknown quantities = %d, want unknown", got)
	}
	r.RSSAnon, r.Sys, r.HeapReleased = 300*mib, 200*mib, 50*mib
	if got := nonGo(&r); got != 150*mib {
		t.Errorf("nonGo = %d MiB, want 150", got/mib)
	}
	r.RSSAnon = 100 * mib // Go has not touched all that it committed
	if got := nonGo(&r); got != 0 {
		t.Errorf("nonGo = %d, want 0", got)
	}
}

func TestGrowingIsForTrendsOnly(t *testing.T) {
	for _, r := range []Rule{
		{Name: "x", Signal: Memory, Line: Growing()},
		{Name: "x", Signal: LeakedGoroutines, Line: Growing()},
		{Name: "x", Signal: LiveHeap, Line: Absolute(1), Floor: Growing()},
	} {
		err := Config{Rules: []Rule{r}}.validate()
		if err == nil || !strings.Contains(err.Error(), "trend") {
			t.Errorf("%v: got %v, want an error about trends", r, err)
		}
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]string{
		40 * time.Minute: "40 min", 26 * time.Hour: "26 h", 80 * time.Hour: "3 d 8 h", math.MaxInt64: "years",
	} {
		if got := days(d); got != want {
			t.Errorf("days(%v) = %s, want %s", d, got, want)
		}
	}
}

// The points of a picture are bounded, in order, cover all of the time and are
// denser at its end.
func TestHistoryPoints(t *testing.T) {
	h := newHistory()
	if got := h.points(historyPoints); len(got) != 0 {
		t.Errorf("an empty history has %d points", len(got))
	}
	r := incident.NewReading(noonOfTimeline)
	for at := time.Duration(0); at < 9*time.Hour; at += time.Second {
		r.Time = noonOfTimeline.Add(at)
		h.add(&r)
	}
	for range 300 { // the last seconds, every 10 ms
		r.Time = r.Time.Add(10 * time.Millisecond)
		h.add(&r)
	}
	points := h.points(historyPoints)
	if n := len(points); n < historyPoints/2 || n > historyPoints {
		t.Fatalf("%d points, want at most %d", n, historyPoints)
	}
	if first := points[0].Time; first.Sub(noonOfTimeline) > 10*time.Minute {
		t.Errorf("the first point is of %v", first)
	}
	last := points[len(points)-1].Time
	if r.Time.Sub(last) > time.Second {
		t.Errorf("the last point is %v old", r.Time.Sub(last))
	}
	late := 0
	for i, p := range points {
		if i > 0 && !p.Time.After(points[i-1].Time) {
			t.Fatalf("point %d is not after its predecessor", i)
		}
		if r.Time.Sub(p.Time) < 3*time.Second {
			late++
		}
	}
	if late < 20 {
		t.Errorf("%d points in the last 3 s, which decide, want 20", late)
	}
}
