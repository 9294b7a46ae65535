package census_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/census"
	"github.com/leakguard/leakguard/internal/frames"
)

// feed observes a census per minute of the given sites, from one minute to before
// another.
func feed(w *census.Watch, from, to int, counts map[census.Key]func(minute int) int) {
	for m := from; m < to; m++ {
		var groups []census.Group
		for key, count := range counts {
			if n := count(m); n > 0 {
				groups = append(groups, census.Group{Key: key, Count: int64(n), Forever: frames.CanBeForever(key.Wait)})
			}
		}
		w.Observe(time.Duration(m)*time.Minute, groups)
	}
}

func siteOf(w *census.Watch, key census.Key) census.Site {
	for _, s := range w.Sites() {
		if s.Key == key {
			return s
		}
	}
	return census.Site{}
}

func aMinute(from int) func(int) int { return func(m int) int { return max(0, m-from) } }
func always(n int) func(int) int     { return func(int) int { return n } }

func TestALeaksLife(t *testing.T) {
	w := census.NewWatch()
	counts := map[census.Key]func(int) int{
		// Three and then seven; one more per minute from the 100th to the 400th; none
		// until the 700th; then growth again until the 800th, and none after that.
		select1: func(m int) int {
			if m < 20 {
				return 3
			}
			return 7 + min(max(0, m-100), 300) + min(max(0, m-700), 100)
		},
		read1: always(3),
	}
	for _, step := range []struct {
		to     int
		state  census.State
		grown  int64
		since  time.Duration // within 17 minutes
		stands time.Duration
		reason string
	}{
		{100, census.Calm, 0, 0, 79 * time.Minute, "does not keep growing"},
		{125, census.Growing, 24, 100 * time.Minute, 0, "too early to tell"},
		{201, census.Leaking, 100, 100 * time.Minute, 0, "none has been seen to leave"},
		{700, census.Leaking, 300, 100 * time.Minute, 299 * time.Minute, "no more have come for 4 h 59 min"},
		{800, census.Leaking, 399, 100 * time.Minute, 0, "more in 11 h"},
		{2950, census.Leaking, 400, 100 * time.Minute, 2149 * time.Minute, "no more have come for"},
		{2980, census.Calm, 0, 0, 2179 * time.Minute, "does not keep growing"},
	} {
		feed(w, int(w.Last()/time.Minute)+1, step.to, counts)
		s := siteOf(w, select1)
		off := s.Since - step.since
		// The standing time is known to the width of a window.
		if s.State != step.state || s.Grown < step.grown-2 || s.Grown > step.grown+2 || off < -17*time.Minute || off > 17*time.Minute ||
			s.Standing > step.stands || s.Standing < step.stands/2 || !strings.Contains(s.Reason, step.reason) {
			t.Errorf("minute %d: %+v\nwant %+v", step.to, s, step)
		}
	}
}

func TestHalfOfThemLeaveAndItIsNoLeak(t *testing.T) {
	w := census.NewWatch()
	feed(w, 0, 200, map[census.Key]func(int) int{select1: aMinute(0)})
	if s := siteOf(w, select1); s.State != census.Leaking {
		t.Fatalf("%+v", s)
	}
	feed(w, 200, 202, map[census.Key]func(int) int{select1: always(90)})
	if s := siteOf(w, select1); s.State == census.Leaking {
		t.Errorf("99 of 199 are left: %+v", s)
	}
	// Rising to the earlier level or a little above is no leak. Rising by three times
	// what left is.
	feed(w, 202, 350, map[census.Key]func(int) int{select1: func(m int) int { return m - 112 }})
	if s := siteOf(w, select1); s.State != census.Growing || !strings.Contains(s.Reason, "before and came down again") {
		t.Errorf("below its height of before: %+v", s)
	}
	feed(w, 350, 560, map[census.Key]func(int) int{select1: func(m int) int { return m - 112 }})
	if s := siteOf(w, select1); s.State != census.Leaking {
		t.Errorf("above its height of before: %+v", s)
	}
}

func TestAHeightIsForgottenAfterADayAndAHalf(t *testing.T) {
	for pause, want := range map[int]census.State{20 * hour: census.Growing, 60 * hour: census.Leaking} {
		w := census.NewWatch()
		feed(w, 0, pause+2*hour, map[census.Key]func(int) int{select1: func(m int) int {
			if m < hour {
				return 5000
			}
			return 5 + max(0, m-pause)
		}})
		if s := siteOf(w, select1); s.State != want {
			t.Errorf("%d hours after: %+v", pause/hour, s)
		}
	}
}

func TestSitesThatWaitForIOOrATimerAreNotFlagged(t *testing.T) {
	w := census.NewWatch()
	counts := map[census.Key]func(int) int{}
	for _, wait := range []string{frames.IOWait, frames.Sleep, frames.Running, frames.Syscall} {
		counts[census.Key{Wait: wait, Function: "main.f"}] = func(m int) int { return 2 * m }
	}
	feed(w, 0, 300, counts)
	for _, s := range w.Sites() {
		if s.State != census.Calm {
			t.Errorf("%+v", s)
		}
	}
}

func TestConnectionsDoNotHideALeak(t *testing.T) {
	for name, io := range map[string]func(int) int{
		"that stay as they are": always(100),
		"that grow faster":      func(m int) int { return 3 * m },
		"that come earlier":     func(m int) int { return min(3*m, 300) },
	} {
		w := census.NewWatch()
		feed(w, 0, 200, map[census.Key]func(int) int{select1: aMinute(0), read1: io})
		if s := siteOf(w, select1); s.State != census.Leaking {
			t.Errorf("connections %s: %+v", name, s)
		}
	}
	elsewhere := read1
	elsewhere.Function, elsewhere.Root = "net/http.(*conn).serve", "net/http.(*Server).Serve.gowrap3"
	w := census.NewWatch()
	feed(w, 0, 200, map[census.Key]func(int) int{select1: aMinute(0), elsewhere: aMinute(0)})
	if s := siteOf(w, select1); s.State != census.Leaking {
		t.Errorf("as many connections of another package: %+v", s)
	}
	w = census.NewWatch()
	pair := map[census.Key]func(int) int{select1: aMinute(0), read1: aMinute(0)}
	feed(w, 0, 200, pair)
	if s := siteOf(w, select1); s.State != census.Growing || !strings.Contains(s.Reason, "one for one with goroutines that wait for I/O in main.read") {
		t.Errorf("one connection each: %+v", s)
	}
	feed(w, 200, 20*hour, pair)
	if s := siteOf(w, select1); s.State != census.Leaking {
		t.Errorf("one connection each, for 20 hours: %+v", s)
	}
}

func TestEachSiteOfADeadlockIsFlagged(t *testing.T) {
	w := census.NewWatch()
	lock := census.Key{Wait: "sync.Mutex.Lock", Function: "main.b", Line: 7}
	feed(w, 0, 200, map[census.Key]func(int) int{select1: aMinute(0), lock: aMinute(0), read1: always(1)})
	for i, s := range w.Sites() {
		if want := i < 2; (s.State == census.Leaking) != want {
			t.Errorf("%d: %+v", i, s)
		}
	}
}

func TestLongIntervals(t *testing.T) {
	for _, every := range []int{2, 10, 60} {
		for name, s := range map[string]shape{
			"fixed":    exact(func(float64) float64 { return 1e6 }),
			"requests": population(1.0/60, constant(5000)),
		} {
			if at := flagged(s, 1, 7*days, every, false); at >= 0 {
				t.Errorf("%s, a census every %d minutes: called a leak after %v", name, every, at)
			}
		}
		at := flagged(leaking(nothing, 100, 1, 0), 1, 3*days, every, false)
		if want := time.Duration(30*every) * time.Minute; at < 0 || at > max(want, 2*time.Hour) {
			t.Errorf("100 a minute, a census every %d minutes: found after %v", every, at)
		}
	}
}

func TestProve(t *testing.T) {
	w := census.NewWatch()
	lone := census.Key{Wait: "chan receive", Function: "main.lone", Line: 3}
	counts := map[census.Key]func(int) int{select1: aMinute(0), lone: always(1), read1: always(9)}
	feed(w, 0, 200, counts)
	w.Prove([]frames.Frame{{Function: "main.lone", Line: 3}, {Function: "main.serve", Line: 11}, {Function: "main.gone", Line: 1}})
	sites := w.Sites()
	if s := sites[0]; s.Key != lone || s.State != census.Proven || s.Grown != 0 || !strings.HasPrefix(s.Reason, "the garbage collector proved") {
		t.Errorf("%+v", s)
	}
	if s := sites[1]; s.Key != select1 || s.State != census.Leaking {
		t.Errorf("another line of the same function: %+v", s)
	}
	delete(counts, lone)
	feed(w, 200, 201, counts)
	if s := siteOf(w, lone); s.State != census.Calm {
		t.Errorf("it is gone: %+v", s)
	}
}

func TestALeakIsFoundAmongThousandsOfSites(t *testing.T) {
	w := census.NewWatch()
	counts := map[census.Key]func(int) int{select1: aMinute(0)}
	for i := range 3000 {
		counts[census.Key{Wait: "select", Function: fmt.Sprintf("main.f%d", i)}] = always(1 + i%3)
	}
	feed(w, 0, 100, counts)
	if n := len(w.Sites()); n > 512 {
		t.Errorf("follows %d sites", n)
	}
	if s := w.Sites()[0]; s.Key != select1 || s.State != census.Leaking {
		t.Errorf("%+v", s)
	}
}

func TestStanding(t *testing.T) {
	w := census.NewWatch()
	feed(w, 0, 10, map[census.Key]func(int) int{read1: always(1)})
	feed(w, 10, 14, map[census.Key]func(int) int{read1: always(1), select1: always(5)})
	if a, b := siteOf(w, read1).Standing, siteOf(w, select1).Standing; a != 13*time.Minute || b != 3*time.Minute {
		t.Errorf("%v and %v", a, b)
	}
	// A spike has no standing time. What was there before it has stood all along.
	feed(w, 14, 15, map[census.Key]func(int) int{read1: always(9), select1: always(4)})
	if a, b := siteOf(w, read1).Standing, siteOf(w, select1).Standing; a != 0 || b != 4*time.Minute {
		t.Errorf("%v and %v", a, b)
	}
}

func TestObserveIgnoresWhatIsNotLater(t *testing.T) {
	w := census.NewWatch()
	group := []census.Group{{Key: select1, Count: 5, Forever: true}}
	w.Observe(time.Minute, group)
	w.Observe(time.Minute, nil)
	w.Observe(0, nil)
	if s := siteOf(w, select1); s.Count != 5 {
		t.Errorf("%+v", s)
	}
}

func TestStateNames(t *testing.T) {
	if got := fmt.Sprint(census.Calm, census.Growing, census.Leaking, census.Proven, census.State(9), census.State(-1)); got != "calm growing leaking proven unknown unknown" {
		t.Error(got)
	}
}

func FuzzObserve(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 250, 0, 0, 9, 9, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		w := census.NewWatch()
		var at time.Duration
		waits := []string{"select", "IO wait", "chan send"}
		for len(data) >= 4 {
			at += time.Duration(int8(data[0])) * time.Minute << (data[1] % 8)
			var groups []census.Group
			for _, b := range data[1:4] {
				groups = append(groups, census.Group{
					Key:   census.Key{Wait: waits[b%3], Function: string(rune('a' + b%7))},
					Count: int64(int8(b)) << (b % 60), Forever: b%3 != 1,
				})
			}
			w.Observe(at, groups)
			if data[0]%16 == 0 {
				w.Prove([]frames.Frame{{Function: "a"}})
			}
			data = data[3:]
		}
		for _, s := range w.Sites() {
			if s.Standing < 0 || s.Grown < 0 || s.Count < 0 || s.Reason == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}

// Goroutines that leak in office hours only are still a leak at night.
func TestANightEndsNoLeak(t *testing.T) {
	w := census.NewWatch()
	minute := 0
	count := 7
	for day := range 3 {
		for hour := range 24 {
			for range 60 {
				minute++
				if hour >= 9 && hour < 17 {
					count++
				}
				feed(w, minute, minute+1, map[census.Key]func(int) int{select1: always(count)})
			}
			s := siteOf(w, select1)
			if leaked := day > 0 || hour >= 12; leaked && s.State != census.Leaking {
				t.Fatalf("day %d, %d o'clock: %+v", day, hour+1, s)
			}
		}
	}
}
