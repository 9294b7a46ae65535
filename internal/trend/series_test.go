package trend

import (
	"math"
	"testing"
	"time"
	"unsafe"
)

func TestSeriesKeepsFloorsAtEachResolution(t *testing.T) {
	s := New(Resolution{time.Minute, 5}, Resolution{10 * time.Minute, 3})
	for m := range 47 {
		for _, v := range []float64{3, 1, 2} { // the floor of minute m is m+1
			s.Add(time.Duration(m)*time.Minute, float64(m)+v)
		}
	}
	// Ten-minute bins begin at 20, 30 and 40. Minutes 42 to 46 have the fine
	// resolution, and the bin of 40 overlaps them.
	want := []Point{
		{20 * time.Minute, 21}, {30 * time.Minute, 31},
		{42 * time.Minute, 43}, {43 * time.Minute, 44}, {44 * time.Minute, 45}, {45 * time.Minute, 46}, {46 * time.Minute, 47},
	}
	got := s.Points()
	if len(got) != len(want) {
		t.Fatalf("the points are %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("point %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestSeriesIgnoresWhatIsNoSample(t *testing.T) {
	var s Series
	s.Add(-1, 5)
	s.Add(time.Minute, math.NaN())
	s.Add(time.Minute, -1)
	s.Add(time.Minute, math.Inf(1))
	s.Add(time.Minute, math.MaxFloat64)
	if got := s.Points(); len(got) != 0 {
		t.Fatalf("the points are %v, want none", got)
	}
	s.Add(10*time.Minute, 5)
	s.Add(9*time.Minute, 1) // back in time
	if got := s.Points(); len(got) != 1 || got[0] != (Point{10 * time.Minute, 5}) {
		t.Errorf("the points are %v, want one of 5 at 10 minutes", got)
	}
}

func TestSeriesGaps(t *testing.T) {
	s := New(Resolution{time.Minute, 10})
	s.Add(0, 1)
	s.Add(4*time.Minute, 2)
	if got := s.Points(); len(got) != 2 || got[1].At != 4*time.Minute {
		t.Errorf("the points are %v, want those of minutes 0 and 4", got)
	}
	s.Add(math.MaxInt64, 3)
	if got := s.Points(); len(got) != 1 || got[0].Floor != 3 {
		t.Errorf("the points are %v, want one of 3", got)
	}
}

func TestSeriesIsBounded(t *testing.T) {
	var s Series
	for m := range int(60 * day / time.Minute) {
		s.Add(time.Duration(m)*time.Minute, 1)
	}
	size := int(unsafe.Sizeof(s))
	for i := range s.tiers {
		size += int(unsafe.Sizeof(s.tiers[i])) + 8*cap(s.tiers[i].floors)
	}
	if size > 16<<10 {
		t.Errorf("a full series takes %d bytes, want at most 16 KiB", size)
	}
	points := s.Points()
	if first, last := points[0].At, points[len(points)-1].At; last-first < 27*day || last-first > 28*day {
		t.Errorf("the points span %v, want about 28 days", last-first)
	}
	at := 61 * day
	if n := testing.AllocsPerRun(1000, func() { at += 20 * time.Second; s.Add(at, 2) }); n != 0 {
		t.Errorf("Add of a full series allocates %v times, want 0", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	var s Series
	for m := range int(30 * day / time.Minute) {
		s.Add(time.Duration(m)*time.Minute, 1)
	}
	at := 31 * day
	b.ReportAllocs()
	for b.Loop() {
		at += 10 * time.Second
		s.Add(at, 2)
	}
}

// BenchmarkJudge judges a full history of 28 days of each kind.
func BenchmarkJudge(b *testing.B) {
	for _, name := range []string{"weekly swing", "leak under weekly swing"} {
		for _, sh := range shapes() {
			if sh.name != name {
				continue
			}
			sh.horizons = []time.Duration{28 * day}
			g := makeSeries(sh, 1, 1)
			var s Series
			for k := range g.at {
				s.Add(g.at[k], g.v[k])
			}
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Judge()
				}
			})
		}
	}
}
