package census_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/leakguard/leakguard/internal/census"
)

// A shape gives a site's count, minute by minute.
type shape func(rnd *rand.Rand) func(minute int) int

// population has goroutines that arrive at random and live for life minutes on
// average. Their number follows target, like connections, subscribers and requests.
func population(life float64, target func(minute float64) float64) shape {
	return func(rnd *rand.Rand) func(int) int {
		there := poisson(rnd, target(0))
		return func(minute int) int {
			m := float64(minute)
			gone := binomial(rnd, there, 1-math.Exp(-1/life))
			// Of those that arrive within a minute only some last to its end.
			stay := 1 - math.Exp(-1/life)
			rate := target(m)*stay + target(m+1) - target(m)
			there += poisson(rnd, max(rate, 0)) - gone
			return there
		}
	}
}

func constant(n float64) func(float64) float64 { return func(float64) float64 { return n } }

// daily swings between low and high, low at the first minute.
func daily(low, high float64) func(float64) float64 {
	return func(m float64) float64 {
		return low + (high-low)*(1-math.Cos(2*math.Pi*m/1440))/2
	}
}

func weekly(low, high float64) func(float64) float64 {
	return func(m float64) float64 {
		day := daily(low, high)(m)
		if int(m/1440)%7 >= 5 {
			return low + (day-low)/4
		}
		return day
	}
}

// exact is a count without randomness.
func exact(f func(minute float64) float64) shape {
	return func(*rand.Rand) func(int) int { return func(m int) int { return int(f(float64(m))) } }
}

// leaking adds goroutines that never leave: rate per minute on average, in bursts
// of the given size, from a minute on.
func leaking(under shape, rate float64, burst int, from int) shape {
	return func(rnd *rand.Rand) func(int) int {
		count, leaked := under(rnd), 0
		return func(minute int) int {
			if minute >= from {
				leaked += burst * poisson(rnd, rate/float64(burst))
			}
			return count(minute) + leaked
		}
	}
}

// records is a pool that starts a worker whenever more are busy than ever before.
func records(load shape) shape {
	return func(rnd *rand.Rand) func(int) int {
		busy, workers := load(rnd), 0
		return func(minute int) int {
			workers = max(workers, busy(minute))
			return workers
		}
	}
}

func nothing(*rand.Rand) func(int) int { return func(int) int { return 0 } }

// onlyWhile grows only while a condition holds, like a leak that needs load.
func onlyWhile(on func(minute int) bool, s shape) shape {
	return func(rnd *rand.Rand) func(int) int {
		count, now, last := s(rnd), 0, 0
		return func(m int) int {
			c := count(m)
			if on(m) {
				now += c - last
			}
			last = c
			return now
		}
	}
}

func poisson(rnd *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rnd.NormFloat64())))
	}
	n, limit := 0, math.Exp(-mean)
	for p := rnd.Float64(); p > limit; p *= rnd.Float64() {
		n++
	}
	return n
}

func binomial(rnd *rand.Rand, n int, p float64) int {
	if mean := float64(n) * p; n > 200 && mean > 20 {
		return min(n, max(0, int(math.Round(mean+math.Sqrt(mean*(1-p))*rnd.NormFloat64()))))
	}
	if n > 50 && p < 0.05 {
		return min(n, poisson(rnd, float64(n)*p))
	}
	k := 0
	for range n {
		if rnd.Float64() < p {
			k++
		}
	}
	return k
}

var select1 = census.Key{Wait: "select", Function: "main.serve", File: "main.go", Line: 10, Root: "main.run"}
var read1 = census.Key{Wait: "IO wait", Function: "main.read", File: "main.go", Line: 20, Root: "main.run"}

// flagged runs a shape and returns when it was first called a leak, or a negative
// duration if it never was. every is the number of minutes between censuses.
func flagged(s shape, seed uint64, minutes, every int, connected bool) time.Duration {
	rnd := rand.New(rand.NewPCG(seed, 1))
	count := s(rnd)
	w := census.NewWatch()
	for m := range minutes {
		n := count(m)
		if m%every != 0 {
			continue
		}
		groups := []census.Group{{Key: select1, Count: int64(n), Forever: true}}
		if connected {
			groups = append(groups, census.Group{Key: read1, Count: int64(n + rnd.IntN(3))})
		}
		at := time.Duration(m) * time.Minute
		w.Observe(at, groups)
		for _, site := range w.Sites() {
			if site.State == census.Leaking {
				return at
			}
		}
	}
	return -1
}
