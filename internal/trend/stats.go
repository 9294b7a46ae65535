package trend

import (
	"math"
	"slices"
)

// line is a robust line through floors and how sure it is.
type line struct {
	slope, low, high float64 // units per hour, 95% confidence interval
	z                float64 // significance of the growth, in standard deviations
	wide             float64
	spread           float64 // robust standard deviation of what is left
}

// fit draws Sen's line: its slope is the median of the slopes of all pairs, so
// that almost a third of the points may be anything. The significance is Mann
// and Kendall's with the variance of Hamed and Rao (Journal of Hydrology 204,
// 1998), because floors that follow one another are alike: plain Mann-Kendall
// finds a trend in 43% of daily swings. The interval comes from the same
// variance (Sen, JASA 63, 1968).
func fit(p *points) line {
	n := len(p.v)
	pairs := p.scratch[:0]
	s := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			d := p.v[j] - p.v[i]
			switch {
			case d > 0:
				s++
			case d < 0:
				s--
			}
			pairs = append(pairs, d/(p.t[j]-p.t[i]))
		}
	}
	p.scratch = pairs
	if len(pairs) == 0 {
		return line{}
	}
	l := line{slope: selectAt(pairs, len(pairs)/2)}
	residual := make([]float64, n)
	for i := range n {
		residual[i] = p.v[i] - l.slope*p.t[i]
	}
	variance := float64(n) * float64(n-1) * float64(2*n+5) / 18 * inflation(residual)
	if sd := math.Sqrt(variance); sd > 0 {
		l.z = float64(s) / sd
		half := 1.96 * sd / 2
		middle := float64(len(pairs)) / 2
		l.low = selectAt(pairs, max(int(middle-half), 0))
		l.high = selectAt(pairs, min(int(middle+half), len(pairs)-1))
	}
	l.wide = quantile(residual, 0.98) - quantile(residual, 0.02)
	l.spread = spread(residual)
	return l
}

// inflation is by how much the variance of Mann-Kendall's statistic is larger
// because of autocorrelation of the ranks of what the line leaves. It is at
// least 1: a correction that makes a trend more significant is not wanted.
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

// ranks returns the rank of each value, the mean rank where values are equal.
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

// spread is a robust standard deviation: the larger of 1.4826 times the median
// absolute deviation from the median and the range of the middle 80% over 2.563,
// either of which is the standard deviation of normal noise. The former sees a
// swing that is even, the latter one that peaks for a few hours. It reorders v
// and changes it.
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

// quantile returns the value below which a share q lies. It reorders v.
func quantile(v []float64, q float64) float64 {
	return selectAt(v, int(q*float64(len(v)-1)+0.5))
}

// selectAt returns what v[k] would be if v were sorted (Hoare's quickselect).
// It reorders v. Sorting all of the pairs would take most of the time of a
// judgement.
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
