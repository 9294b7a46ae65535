package trend

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func pointsOf(v []float64) *points {
	p := &points{width: 1, blocks: len(v), v: v}
	for i := range v {
		p.t = append(p.t, float64(i))
	}
	return p
}

func TestSelectAt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		v := make([]float64, 1+r.IntN(40))
		for i := range v {
			v[i] = float64(r.IntN(10)) // many are equal
		}
		sorted := slices.Sorted(slices.Values(v))
		for k := range sorted {
			if got := selectAt(slices.Clone(v), k); got != sorted[k] {
				t.Fatalf("selectAt(%v, %d) = %v, want %v", v, k, got, sorted[k])
			}
		}
	}
}

// A fifth of outliers barely moves Sen's slope, and noise lies within its interval
// as often as it should.
func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	covered := 0
	const trials = 400
	for range trials {
		v := make([]float64, 50)
		for i := range v {
			v[i] = 2*float64(i) + 10*r.NormFloat64()
			if i%5 == 0 {
				v[i] += 1000 * float64(r.IntN(2))
			}
		}
		p := pointsOf(v)
		l, ok := fit(p, math.Inf(-1))
		if !ok || math.Abs(l.slope-2) > 1.5 {
			t.Fatalf("the slope is %v, want about 2", l.slope)
		}
		if low, high := l.interval(p); low <= 2 && 2 <= high {
			covered++
		}
	}
	if share := float64(covered) / trials; share < 0.9 {
		t.Errorf("%.0f%% of the intervals have the true slope, want about 95%%", 100*share)
	}
}

// The plain test takes wandering for a trend. The corrected one does so less than
// half as often. (Other tests of Judge catch the rest.)
func TestFitWithstandsAutocorrelation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	plain, corrected := 0, 0
	const trials = 400
	for range trials {
		v := make([]float64, 72)
		x := 0.0
		for i := range v {
			x = 0.8*x + r.NormFloat64()
			v[i] = x
		}
		if _, ok := fit(pointsOf(v), 3.3); ok {
			plain++
		}
		if l, ok := fit(pointsOf(v), 3.3); ok && l.z > 3.3 {
			corrected++
		}
	}
	if plain < trials*5/100 || corrected > plain/2 {
		t.Errorf("of %d wandering series plain Mann-Kendall finds a trend in %d, the corrected one in %d; want at least 5%% and at most half of that", trials, plain, corrected)
	}
}

// Compare stairs with all possible partitions.
func TestStairsIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 20 {
		v := make([]float64, 11)
		for i := range v {
			v[i] = math.Round(10 * r.Float64())
		}
		level := func(i, j int) (sum float64) {
			mean := 0.0
			for _, x := range v[i:j] {
				mean += x / float64(j-i)
			}
			for _, x := range v[i:j] {
				sum += (x - mean) * (x - mean)
			}
			return sum
		}
		var try func(i, steps int) float64
		try = func(i, steps int) float64 {
			least := level(i, len(v))
			if steps > 0 {
				for j := i + 1; j < len(v); j++ {
					least = min(least, level(i, j)+try(j, steps-1))
				}
			}
			return least
		}
		if got, _ := stairs(pointsOf(v)); math.Abs(got-try(0, maxSteps)) > 1e-9 {
			t.Fatalf("levels leave %v of %v, want %v", got, v, try(0, maxSteps))
		}
	}
}

func TestStairsTellStepsFromALine(t *testing.T) {
	steps, line := make([]float64, 72), make([]float64, 72)
	for i := range steps {
		steps[i], line[i] = float64(i/18), float64(i)/18
	}
	if _, within := stairs(pointsOf(steps)); math.Abs(within) > 1e-9 {
		t.Errorf("the slope within steps is %v, want 0", within)
	}
	if _, within := stairs(pointsOf(line)); math.Abs(within-1.0/18) > 1e-9 {
		t.Errorf("the slope within a line is %v, want 1/18", within)
	}
}

func TestSaturating(t *testing.T) {
	v := make([]float64, 60)
	for _, c := range []struct {
		name string
		f    func(t float64) float64
		leak float64
	}{
		{"exponential", func(t float64) float64 { return 100 * (1 - math.Exp(-t/5)) }, 0},
		{"hyperbolic", func(t float64) float64 { return 100 * t / (t + 3) }, 0},
		{"exponential over a leak", func(t float64) float64 { return 100*(1-math.Exp(-t/5)) + 2*t }, 2},
	} {
		for i := range v {
			v[i] = c.f(float64(i))
		}
		better, slope := saturating(pointsOf(v), 0)
		if better > maxConcave || math.Abs(slope-c.leak) > 0.2 {
			t.Errorf("%s: a curve leaves %.2f of what a line leaves, and a slope of %.2f; want less than %v, and %v", c.name, better, slope, maxConcave, c.leak)
		}
	}
	for i := range v {
		v[i] = float64(i)
	}
	if better, _ := saturating(pointsOf(v), 0); better < 1 {
		t.Errorf("a curve leaves %v of what a line leaves of a line, want 1", better)
	}
}
