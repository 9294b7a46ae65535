package guardtest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// simulate runs the rounds of NoHeapGrowth on a heap whose size after each number
// of iterations is given by live.
func simulate(first, most int64, live func(n int64) (bytes, objects float64)) (heapVerdict, int64) {
	var rounds []heapRound
	n := first
	bytes, objects := live(n)
	for {
		b, o := live(2 * n)
		rounds = append(rounds, heapRound{n: n, bytes: int64(b - bytes), objects: int64(o - objects)})
		bytes, objects, n = b, o, 2*n
		if v := judgeHeap(rounds, defaultTolerance, 2*n > most); v != heapMore {
			return v, n
		}
	}
}

func leaking(bytesPer, every float64) func(int64) (float64, float64) {
	return func(n int64) (float64, float64) {
		o := math.Floor(float64(n) / every)
		return o * bytesPer, o
	}
}

func caching(entries, bytes float64) func(int64) (float64, float64) {
	return func(n int64) (float64, float64) {
		o := math.Min(float64(n), entries)
		return o * bytes, o
	}
}

func TestJudgeHeap(t *testing.T) {
	const most = 1 << 20
	for _, c := range []struct {
		name string
		most int64
		live func(int64) (bytes, objects float64)
		want heapVerdict
	}{
		{"nothing", most, func(int64) (float64, float64) { return 1e6, 1e3 }, heapClean},
		{"16 bytes", most, leaking(16, 1), heapGrows},
		{"16 bytes in 10 iterations", most, leaking(16, 10), heapGrows},
		{"16 bytes in 12 iterations", most, leaking(16, 12), heapGrows},
		{"16 bytes in 100 iterations, below the tolerance", most, leaking(16, 100), heapClean},
		{"1 MiB", 64, leaking(1<<20, 1), heapGrows},
		{"bytes in no more objects", most, func(n int64) (float64, float64) { return 8 * float64(n), 1 }, heapGrows},
		{"a map that doubles", most, func(n int64) (float64, float64) {
			return 64 * math.Exp2(math.Ceil(math.Log2(float64(n)/0.875))), 1
		}, heapGrows},
		{"a slice that grows by a quarter", most, func(n int64) (float64, float64) {
			return 8 * math.Pow(1.25, math.Ceil(math.Log(float64(n))/math.Log(1.25))), 1
		}, heapGrows},
		{"a cache of 100", most, caching(100, 1000), heapClean},
		{"a cache of 10,000", most, caching(10_000, 100), heapClean},
		{"a cache of a quarter of the iterations", most, caching(most/4, 100), heapClean},
		{"a cache that is never full", most, caching(2*most, 100), heapGrows},
		{"a cache that the budget ends in", most, caching(0.6*most, 100), heapFilling},
		{"keys of which ever fewer are new", most, func(n int64) (float64, float64) {
			o := 2e5 * (1 - math.Exp(-float64(n)/2e5))
			return 100 * o, o
		}, heapFilling},
		{"a buffer that is flushed when it is full", most, func(n int64) (float64, float64) { return float64(48 * n % (1 << 16)), 1 }, heapClean},
		{"a slow function that keeps little", 16, leaking(8, 4), heapClean},
		{"a slow function that leaks", 16, leaking(16, 1), heapGrows},
		{"a slow function that varies", 16, func(n int64) (float64, float64) { return 1000 * math.Sin(float64(n)), 10 }, heapUnclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, n := simulate(1, c.most, c.live); got != c.want {
				t.Errorf("verdict %d after %d iterations, want %d", got, n, c.want)
			}
		})
	}
}

// TestJudgeHeapInNoise varies the heap randomly by a fixed amount, as connections
// and pools do, but ten times more than any measured function does.
func TestJudgeHeapInNoise(t *testing.T) {
	const runs = 2000
	rng := rand.New(rand.NewPCG(1, 2))
	noisy := func(live func(int64) (float64, float64)) func(int64) (float64, float64) {
		return func(n int64) (float64, float64) {
			b, o := live(n)
			return b + 20_000*rng.NormFloat64(), o + 100*rng.NormFloat64()
		}
	}
	for _, c := range []struct {
		name  string
		most  int64
		live  func(int64) (float64, float64)
		clean bool
		wrong int // at most
	}{
		{"nothing", 1 << 20, func(int64) (float64, float64) { return 0, 0 }, true, 0},
		{"a cache of 10,000", 1 << 20, caching(10_000, 100), true, 0},
		{"nothing, in few iterations", 1 << 16, func(int64) (float64, float64) { return 0, 0 }, true, runs / 100},
		{"16 bytes", 1 << 20, leaking(16, 1), false, 0},
		{"16 bytes in 10 iterations", 1 << 20, leaking(16, 10), false, runs / 100},
		{"16 bytes, in few iterations", 1 << 16, leaking(16, 1), false, runs / 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := 0
			for range runs {
				if v, _ := simulate(64, c.most, noisy(c.live)); (v == heapClean) != c.clean {
					wrong++
				}
			}
			t.Logf("%d of %d wrong", wrong, runs)
			if wrong > c.wrong {
				t.Errorf("%d of %d wrong, at most %d may be", wrong, runs, c.wrong)
			}
		})
	}
}
