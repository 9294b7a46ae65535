package trend

import "math"

// maxSteps is how many jumps count as shifts of the level. More are a leak that
// comes in steps.
const maxSteps = 4

// stairs divides the points into at most maxSteps+1 levels so that the sum of
// squared residuals is least (Fisher's optimal partition, by dynamic programming).
// It returns that sum and the slope within the levels. The slope is close to zero
// if a few jumps make up the growth. If there is a leak all along, it is the slope
// of the leak, because a leak is level nowhere.
func stairs(p *points) (residual, slopeWithin float64) {
	n := len(p.v)
	const levels = maxSteps + 1
	if n <= levels {
		return 0, 0
	}
	// Prefix sums are taken of values relative to the first, to limit rounding
	// errors.
	sum, square := make([]float64, n+1), make([]float64, n+1)
	for i, v := range p.v {
		v -= p.v[0]
		sum[i+1] = sum[i] + v
		square[i+1] = square[i] + v*v
	}
	cost := func(i, j int) float64 { // of one level for points i to j-1
		d := sum[j] - sum[i]
		return max(square[j]-square[i]-d*d/float64(j-i), 0)
	}
	best := make([]float64, n+1)
	cuts := make([][]int, levels)
	for j := 1; j <= n; j++ {
		best[j] = cost(0, j)
	}
	for l := 1; l < levels; l++ {
		next := make([]float64, n+1)
		cut := make([]int, n+1)
		for j := 1; j <= n; j++ {
			next[j] = math.Inf(1)
			for i := l; i < j; i++ {
				if c := best[i] + cost(i, j); c < next[j] {
					next[j], cut[j] = c, i
				}
			}
			if j <= l {
				next[j] = 0
			}
		}
		best, cuts[l] = next, cut
	}
	// Pool the slopes within the levels.
	var tv, tt float64
	end := n
	for l := levels - 1; l >= 0 && end > 0; l-- {
		begin := 0
		if l > 0 {
			begin = cuts[l][end]
		}
		m := float64(end - begin)
		var st, sv float64
		for i := begin; i < end; i++ {
			st += p.t[i]
			sv += p.v[i]
		}
		for i := begin; i < end; i++ {
			tv += (p.t[i] - st/m) * (p.v[i] - sv/m)
			tt += (p.t[i] - st/m) * (p.t[i] - st/m)
		}
		end = begin
	}
	if tt > 0 {
		slopeWithin = tv / tt
	}
	return best[n], slopeWithin
}
