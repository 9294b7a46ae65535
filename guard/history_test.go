package guard

import (
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// born is when timelines of wall-clock times begin; it has no monotonic clock.
var born = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func fill(h *history, from time.Time, every time.Duration, n int) (last time.Time) {
	for i := range n {
		r := incident.NewReading(from.Add(time.Duration(i) * every))
		r.Unreclaimable = profile.Bytes(i)
		h.add(&r)
		last = r.Time
	}
	return last
}

func TestHistoryIsBoundedAndSpansTenHours(t *testing.T) {
	h := newHistory()
	last := fill(h, born, second, 20*3600) // 20 h
	if len(h.recent.items) != recentReadings || len(h.sparse.items) != sparseReadings {
		t.Errorf("keeps %d and %d readings", len(h.recent.items), len(h.sparse.items))
	}
	all := h.since(time.Time{})
	if len(all) > recentReadings+sparseReadings || !slices.IsSortedFunc(all, func(a, b incident.Reading) int { return a.Time.Compare(b.Time) }) {
		t.Fatalf("%d readings, sorted by time?", len(all))
	}
	if age := last.Sub(all[0].Time); age < 9*hour+50*minute || age > 10*hour {
		t.Errorf("the oldest is %v old, want ten hours", age)
	}
	for i := 1; i < len(all); i++ {
		if gap := all[i].Time.Sub(all[i-1].Time); gap <= 0 || gap > sparseEvery {
			t.Fatalf("gap of %v before %v", gap, all[i].Time)
		}
	}
	if !all[len(all)-1].Time.Equal(last) {
		t.Error("the newest is missing")
	}
}

func TestHistorySince(t *testing.T) {
	h := newHistory()
	if got := h.since(time.Time{}); len(got) != 0 {
		t.Errorf("an empty history has %d readings", len(got))
	}
	fill(h, born, second, 100)
	for _, test := range []struct {
		since time.Duration
		want  int
	}{{-hour, 100}, {0, 100}, {1, 99}, {50 * second, 50}, {99 * second, 1}, {100 * second, 0}} {
		got := h.since(born.Add(test.since))
		if len(got) != test.want {
			t.Errorf("since %v: %d readings, want %d", test.since, len(got), test.want)
		}
	}
}

func TestHistoryLast(t *testing.T) {
	h := newHistory()
	fill(h, born, second, 3)
	if got := h.last(60); len(got) != 3 || got[2].Unreclaimable != 2 {
		t.Errorf("got %v", got)
	}
	fill(h, born.Add(minute), second, 2*recentReadings+7)
	got := h.last(60)
	if len(got) != 60 || got[0].Unreclaimable != 2*recentReadings+7-60 || got[59].Unreclaimable != 2*recentReadings+6 {
		t.Errorf("the last 60 are %v to %v", got[0].Unreclaimable, got[len(got)-1].Unreclaimable)
	}
}

func TestHistoryAddAllocatesNothingWhenFull(t *testing.T) {
	h := newHistory()
	last := fill(h, born, minute, 2000)
	r := incident.NewReading(last)
	if n := testing.AllocsPerRun(1000, func() { r.Time = r.Time.Add(minute); h.add(&r) }); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

// stepWall moves a time's wall clock and leaves its monotonic clock, as a step
// of the system's clock does between two calls of time.Now. The layout of
// time.Time has been this since Go 1.9: seconds of the wall clock in bits 30 to
// 62 of the first word while bit 63 says that there is a monotonic clock.
func stepWall(t *testing.T, now time.Time, seconds int64) time.Time {
	t.Helper()
	word := (*uint64)(unsafe.Pointer(&now))
	if *word>>63 == 0 {
		t.Fatal("no monotonic clock")
	}
	before := now
	*word += uint64(seconds) << 30
	if now.Sub(before) != 0 || now.Round(0).Sub(before.Round(0)) != time.Duration(seconds)*time.Second {
		t.Fatalf("the layout of time.Time is another: %v became %v", before, now)
	}
	return now
}

// Steps of the wall clock by hours change neither the order of readings, nor
// which are kept, nor the onset of a growth.
func TestClockStepsDoNothing(t *testing.T) {
	start := time.Now()
	series := func(step func(i int) int64) (all []incident.Reading, onset time.Time) {
		h := newHistory()
		for i := range 3600 {
			r := incident.NewReading(stepWall(t, start.Add(time.Duration(i)*time.Second), step(i)))
			r.Unreclaimable = profile.Bytes(100*mib + max(0, i-1800)*mib)
			h.add(&r)
		}
		return h.since(start), growthOnset(h, Memory)
	}
	want, wantOnset := series(func(int) int64 { return 0 })
	for name, step := range map[string]func(i int) int64{
		"forward": func(i int) int64 { return int64(i/1000) * 5 * 3600 },
		"back":    func(i int) int64 { return -int64(i/1000) * 5 * 3600 },
		"to and fro": func(i int) int64 {
			return map[bool]int64{true: 7200, false: -7200}[i%2 == 0]
		},
	} {
		got, onset := series(step)
		if len(got) != len(want) {
			t.Errorf("%s: %d readings, want %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i].Time.Sub(want[i].Time) != 0 {
				t.Errorf("%s: reading %d is another", name, i)
				break
			}
		}
		if d := onset.Sub(wantOnset); d != 0 {
			t.Errorf("%s: the onset moves by %v", name, d)
		}
	}
	// An ID is made of the wall clock; a step back makes neither it nor its
	// folder's name invalid, nor equal to an earlier one.
	a, b := layout.NewID(start, "memory"), layout.NewID(stepWall(t, start, -7200), "memory")
	if a == b || b > a {
		t.Errorf("IDs %s and, two hours earlier by the clock, %s", a, b)
	}
}

// Of an earlier process only times of the wall clock are known.
func TestDurationAfterAStepBackIsNotNegative(t *testing.T) {
	recovered := born.Add(-hour)
	if i := incidentOf(incident.Manifest{Opened: born, Recovered: &recovered}, ""); i.Duration != 0 {
		t.Errorf("it took %v", i.Duration)
	}
	recovered = born.Add(hour)
	if i := incidentOf(incident.Manifest{Opened: born, Recovered: &recovered}, ""); i.Duration != hour {
		t.Errorf("it took %v", i.Duration)
	}
}

func TestGrowthOnset(t *testing.T) {
	for name, test := range map[string]struct {
		n     int
		value func(i int) int64 // in MiB, a reading every 10 s
		want  time.Duration     // since born; -1: none
	}{
		"no history":   {0, nil, -1},
		"flat":         {100, func(int) int64 { return 100 }, -1},
		"falling":      {100, func(i int) int64 { return 1000 - int64(i) }, -1},
		"never known":  {100, func(int) int64 { return -1 }, -1},
		"a late leak":  {100, func(i int) int64 { return 100 + 100*max(0, int64(i)-80) }, 810 * second}, // a tenth of the rise: 190
		"from start":   {101, func(i int) int64 { return 100 + 10*int64(i) }, 100 * second},
		"a jump":       {100, func(i int) int64 { return 100 + 900*min(1, int64(i)/50) }, 490 * second},
		"after a fall": {100, func(i int) int64 { return map[bool]int64{true: 500, false: 100 + 100*max(0, int64(i)-60)}[i < 20] }, 630 * second}, // a tenth of the rise: 390
		"with gaps": {100, func(i int) int64 {
			return map[bool]int64{true: -1, false: 100 + 100*max(0, int64(i)-80)}[i%3 == 0] // also the reading at 810 s
		}, 800 * second},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			for i := range test.n {
				r := incident.NewReading(born.Add(time.Duration(i) * 10 * second))
				memory(test.value(i))(&r)
				h.add(&r)
			}
			want := born.Add(test.want)
			if test.want < 0 {
				want = time.Time{}
			}
			if got := growthOnset(h, Memory); !got.Equal(want) {
				t.Errorf("onset %v after the first reading, want %v", got.Sub(born), want.Sub(born))
			}
		})
	}
}

// A slow leak's onset lies beyond the recent readings.
func TestGrowthOnsetHoursAgo(t *testing.T) {
	h := newHistory()
	for i := range 6 * 3600 {
		r := incident.NewReading(born.Add(time.Duration(i) * second))
		r.HeapLive = profile.Bytes(100*mib + max(0, i-2*3600)*1000)
		h.add(&r)
	}
	// A tenth of four hours after the second hour.
	want := 2*hour + 24*minute
	if got := growthOnset(h, LiveHeap).Sub(born); (got - want).Abs() > minute {
		t.Errorf("onset after %v, want %v", got, want)
	}
}
