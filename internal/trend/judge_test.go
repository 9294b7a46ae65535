package trend

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// timeline adds a sample per minute and returns the series.
func timeline(length time.Duration, value func(m int) float64) *Series {
	var s Series
	for m := range int(length / time.Minute) {
		s.Add(time.Duration(m)*time.Minute, value(m))
	}
	return &s
}

// judgeAll judges every half hour. It returns the last verdict and the first time
// of a 'leaking', or a negative time if there was none.
func judgeAll(length time.Duration, value func(m int) float64) (v Verdict, alarm time.Duration) {
	var s Series
	alarm = -1
	for m := range int(length / time.Minute) {
		s.Add(time.Duration(m)*time.Minute, value(m))
		if m%30 == 29 {
			if v = s.Judge(); v.State == Leaking && alarm < 0 {
				alarm = time.Duration(m) * time.Minute
			}
		}
	}
	return v, alarm
}

// Goroutine counts are small whole numbers, but the same code judges them.
func TestJudgeGoroutines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pool := func(m int) float64 { return math.Round(200 + 20*r.NormFloat64()) }
	for _, c := range []struct {
		name  string
		value func(m int) float64
		leaks bool
	}{
		{"a pool of 200 that is noisy", pool, false},
		{"one a minute over it", func(m int) float64 { return pool(m) + float64(m) }, true},
		{"one an hour over it", func(m int) float64 { return pool(m) + float64(m/60) }, true},
		{"one a minute while 12 to 14 are busy", func(m int) float64 { return float64(12 + r.IntN(3) + m) }, true},
		{"a pool that breathes every hour", func(m int) float64 {
			return math.Round(100 + 80*math.Sin(2*math.Pi*float64(m)/60))
		}, false},
		{"a pool that breathes with the day", func(m int) float64 {
			return math.Round(300 - 250*math.Cos(2*math.Pi*float64(m)/perDay) + 10*r.NormFloat64())
		}, false},
		{"a pool that grows to its limit in 10 hours", func(m int) float64 { return float64(min(20+m, 620)) }, false},
		{"12 or 13", func(m int) float64 { return float64(12 + r.IntN(2)) }, false},
		{"one more once a day", func(m int) float64 { return float64(12 + m/perDay) }, false},
		{"none", func(int) float64 { return 0 }, false},
		{"7 always", func(int) float64 { return 7 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, alarm := judgeAll(72*time.Hour, c.value)
			if leaks := alarm >= 0; leaks != c.leaks {
				t.Errorf("leaking = %v (first at %v), want %v; at the end: %+v", leaks, alarm, c.leaks, v)
			}
		})
	}
}

func TestJudgeSaysSlopeAndOnset(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const from, perHourGrown = 30 * perHour, 5.0
	v, alarm := judgeAll(70*time.Hour, func(m int) float64 {
		return 1000 + 10*r.NormFloat64() + perHourGrown/perHour*float64(max(m-from, 0))
	})
	if v.State != Leaking {
		t.Fatalf("the verdict is %+v, want leaking", v)
	}
	if v.Low > perHourGrown || v.High < perHourGrown || v.Low > v.Slope || v.High < v.Slope {
		t.Errorf("the slope is %.2f (%.2f to %.2f), want a range around %v", v.Slope, v.Low, v.High, perHourGrown)
	}
	if off := (v.Since - from*time.Minute).Abs(); off > 3*time.Hour {
		t.Errorf("growth began at %v, want about %v", v.Since, from*time.Minute)
	}
	if alarm < 44*time.Hour || alarm > 56*time.Hour {
		t.Errorf("the first alarm was at %v, want about 20 h after the begin", alarm)
	}
}

// If it is too early for a verdict, the reason says so.
func TestJudgeGrowing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	noise := func() float64 { return 5 * r.NormFloat64() }
	for _, c := range []struct {
		name   string
		length time.Duration
		value  func(m int) float64
		reason string
	}{
		{"3 hours", 3*time.Hour + time.Minute, func(m int) float64 { return 1000 + float64(m) + noise() }, "a cache that fills or a morning's load"},
		{"3 steps", 70 * time.Hour, func(m int) float64 { return 1000 + 200*float64(m/(18*perHour)) + noise() }, "in a few steps"},
		{"slower and slower", 60 * time.Hour, func(m int) float64 { return 1000 + 500*math.Log1p(float64(m)/600) + noise() }, "like a cache that fills"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := timeline(c.length, c.value).Judge()
			if v.State != Growing || !strings.Contains(v.Reason, c.reason) {
				t.Errorf("the verdict is %v, %q, want growing, %q", v.State, v.Reason, c.reason)
			}
		})
	}
}

// The first morning looks like growth; the third one is the same as yesterday's.
func TestJudgeMornings(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	load := func(m int) float64 {
		return 1000 - 300*math.Cos(2*math.Pi*float64(m)/perDay) + 5*r.NormFloat64()
	}
	if v := timeline(10*time.Hour, load).Judge(); v.State != Growing {
		t.Errorf("on the first morning the verdict is %+v, want growing", v)
	}
	if v := timeline(58*time.Hour, load).Judge(); v.State != Calm {
		t.Errorf("on the third morning the verdict is %+v, want calm", v)
	}
}

// A machine's sleep leaves a gap, which is neither growth nor a step.
func TestJudgeAcrossGaps(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, gap := range []time.Duration{time.Hour, 20 * time.Hour, 100 * day} {
		for _, leaks := range []bool{false, true} {
			var s Series
			for m := range 3 * perDay {
				at := time.Duration(m) * time.Minute
				v := 1000 + 5*r.NormFloat64()
				if leaks {
					v += float64(m) / 5
				}
				if m > perDay/2 {
					at += gap
				}
				s.Add(at, v)
			}
			if v := s.Judge(); (v.State == Leaking) != leaks {
				t.Errorf("after a gap of %v the verdict is %+v, want leaking = %v", gap, v, leaks)
			}
		}
	}
}

func TestJudgeNothing(t *testing.T) {
	var s Series
	if v := s.Judge(); v.State != Calm || v.Confidence != 0 || v.Reason == "" {
		t.Errorf("the verdict on nothing is %+v, want calm without confidence, and a reason", v)
	}
	s.Add(time.Hour, 1)
	if v := s.Judge(); v.State != Calm || v.Since != time.Hour {
		t.Errorf("the verdict on one sample is %+v, want calm since then", v)
	}
}

// A compact history still shows what happens within three days.
func TestJudgeCompact(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, length := range []time.Duration{3 * day, 20 * day} {
		s := New(Compact()...)
		for m := range int(length / time.Minute) {
			s.Add(time.Duration(m)*time.Minute, 100+math.Round(5*r.NormFloat64()+float64(m)/30))
		}
		if v := s.Judge(); v.State != Leaking {
			t.Errorf("after %v the verdict is %+v, want leaking", length, v)
		}
	}
}

// Judge changes nothing: two calls give the same result.
func TestJudgeIsPure(t *testing.T) {
	g := makeSeries(shapes()[10], 1, 0)
	var s Series
	for k := range g.at {
		s.Add(g.at[k], g.v[k])
		if k%500 == 0 {
			if a, b := s.Judge(), s.Judge(); a != b {
				t.Fatalf("the first verdict is %+v, the second %+v", a, b)
			}
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(uint64(1), 1.0, 1.0, int64(time.Minute), uint8(0))
	f.Add(uint64(2), 1e100, 1e99, int64(time.Hour), uint8(1))
	f.Add(uint64(3), 0.0, math.SmallestNonzeroFloat64, int64(time.Minute), uint8(2))
	f.Add(uint64(4), -1.0, math.Inf(1), int64(math.MaxInt64/100), uint8(3))
	f.Add(uint64(5), math.NaN(), 3.0, int64(-5), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, level, growth float64, step int64, form uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := New()
		if form&1 != 0 {
			s = New(Compact()...)
		}
		at := time.Duration(r.Int64N(1 << 40))
		for i := range 600 {
			v := level + growth*float64(i)
			if form&2 != 0 {
				v *= r.Float64()
			}
			if form&4 != 0 {
				v = math.Round(v)
			}
			s.Add(at, v)
			at += time.Duration(step)
			if form&8 != 0 {
				at += time.Duration(r.Int64N(int64(time.Hour)))
			}
			if form&16 != 0 && r.IntN(50) == 0 {
				at += time.Duration(r.Int64N(int64(60 * day)))
			}
			if i%100 != 99 {
				continue
			}
			v1 := s.Judge()
			for _, x := range []float64{v1.Slope, v1.Low, v1.High, v1.Confidence} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("the verdict is %+v", v1)
				}
			}
			if v1.Confidence < 0 || v1.Confidence > 1 || v1.Since < 0 || v1.Reason == "" {
				t.Fatalf("the verdict is %+v", v1)
			}
			if v1.State == Calm && (v1.Slope != 0 || v1.Low != 0 || v1.High != 0) {
				t.Fatalf("calm with a slope: %+v", v1)
			}
			if soonest, latest, ok := v1.TimeTo(v, 2*v); ok && (soonest < 0 || latest < soonest) {
				t.Fatalf("%+v meets the limit in %v to %v", v1, soonest, latest)
			}
		}
		last := time.Duration(-1)
		for _, p := range s.Points() {
			if p.At <= last || !(p.Floor >= 0) {
				t.Fatalf("the point %+v follows %v", p, last)
			}
			last = p.At
		}
	})
}
