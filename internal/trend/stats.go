package trend

import (
	"math"
	"slices"
)

// line is a robust line through floors, with its certainty.
type line struct {
	slope     float64 // units per hour
	deviation float64 // standard deviation of Mann-Kendall's statistic
	z         float64 // significance of the growth, in standard deviations
	spread    float64 // of the residuals; see the function spread
	wide      float64 // range of the residuals without 2% at either end
}

// fit computes Sen's line. Its slope is the median of the slopes of all pairs, so
// that almost a third of the points may be outliers. The significance is Mann and
// Kendall's with the variance of Hamed and Rao (Journal of Hydrology 204, 1998).
// The correction is needed because consecutive floors are correlated: plain
// Mann-Kendall finds a trend in 43% of daily swings. ok is false if the growth is
// not significant even in the plain test.
func fit(p *points, significance float64) (l line, ok bool) {
	n := len(p.v)
	s := 0
	for i := range n {
		for _, v := range p.v[i+1:] {
			if v > p.v[i] {
				s++
			} else if v < p.v[i] {
				s--
			}
		}
	}
	l.deviation = math.Sqrt(float64(n) * float64(n-1) * float64(2*n+5) / 18)
	if n < 2 || float64(s) < significance*l.deviation {
		return line{}, false
	}
	pairs := slopes(p)
	l.slope = selectAt(pairs, len(pairs)/2)
	residual := make([]float64, n)
	for i := range n {
		residual[i] = p.v[i] - l.slope*p.t[i]
	}
	l.deviation *= math.Sqrt(inflation(residual))
	l.z = float64(s) / l.deviation
	l.wide = quantile(residual, 0.98) - quantile(residual, 0.02)
	l.spread = spread(residual)
	return l, true
}

// interval returns the 95% confidence interval of the slope (Sen, JASA 63, 1968),
// widened for autocorrelation.
func (l line) interval(p *points) (low, high float64) {
	pairs := slopes(p)
	middle, half := float64(len(pairs))/2, 1.96*l.deviation/2
	low = selectAt(pairs, max(int(middle-half), 0))
	high = selectAt(pairs, min(int(middle+half), len(pairs)-1))
	return low, high
}

// slopes returns the slopes of all pairs of points, in p.scratch.
func slopes(p *points) []float64 {
	n := len(p.v)
	if need := n * (n - 1) / 2; cap(p.scratch) < need {
		p.scratch = make([]float64, 0, need)
	}
	pairs := p.scratch[:0]
	for i := range n {
		for j := i + 1; j < n; j++ {
			pairs = append(pairs, (p.v[j]-p.v[i])/(p.t[j]-p.t[i]))
		}
	}
	p.scratch = pairs
	return pairs
}

// inflation returns the factor by which autocorrelation of the residuals' ranks
// increases the variance of Mann-Kendall's statistic. It is at least 1: the
// correction must never make a trend more significant.
func inflation(residual []float64) float64 {
	n := len(residual)
	rank := ranks(residual)
	mean := float64(n-1) / 2
	norm := 0.0
	for i := range rank {
		rank[i] -= mean
		norm += rank[i] * rank[i]
	}
	if norm == 0 || n < 4 {
		return 1
	}
	significant := 1.96 / math.Sqrt(float64(n))
	sum := 0.0
	for lag := 1; lag <= n/2; lag++ {
		rho := 0.0
		for i := 0; i+lag < n; i++ {
			rho += rank[i] * rank[i+lag]
		}
		if rho /= norm; math.Abs(rho) > significant {
			m := float64(n - lag)
			sum += m * (m - 1) * (m - 2) * rho
		}
	}
	m := float64(n)
	return max(1, 1+2*sum/(m*(m-1)*(m-2)))
}

// ranks returns the rank of each value. Equal values share their mean rank.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	rank := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			rank[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return rank
}

// spread returns a robust standard deviation: the larger of 1.4826 times the median
// absolute deviation and the range of the middle 80% divided by 2.563. For normal
// noise both equal the standard deviation. The former measures an even swing, the
// latter a swing that peaks for a few hours. spread overwrites v.
func spread(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	middle := (quantile(v, 0.9) - quantile(v, 0.1)) / 2.563
	median := selectAt(v, len(v)/2)
	for i := range v {
		v[i] = math.Abs(v[i] - median)
	}
	return max(middle, 1.4826*selectAt(v, len(v)/2))
}

// quantile returns the value below which a share q of v lies. It reorders v.
func quantile(v []float64, q float64) float64 {
	return selectAt(v, int(q*float64(len(v)-1)+0.5))
}

// selectAt returns what v[k] would be if v were sorted (Hoare's quickselect). It
// reorders v. Sorting all pairs instead would take most of the time of a judgement.
func selectAt(v []float64, k int) float64 {
	low, high := 0, len(v)-1
	for low < high {
		// The median of three as the pivot keeps sorted input linear.
		middle := low + (high-low)/2
		if v[middle] < v[low] {
			v[middle], v[low] = v[low], v[middle]
		}
		if v[high] < v[low] {
			v[high], v[low] = v[low], v[high]
		}
		if v[high] < v[middle] {
			v[high], v[middle] = v[middle], v[high]
		}
		pivot := v[middle]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return v[k]
		}
	}
	return v[k]
}
