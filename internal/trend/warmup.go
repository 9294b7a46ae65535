package trend

import "math"

// saturating compares two explanations of the history: a line, and something that
// fills up. better is the residual of the latter over that of the former, and slope
// is the slope that remains beside the curve. It fits
//
//	v = a + b*t + c*g(t)
//
// by least squares. g is exponential, hyperbolic or logarithmic with one of several
// rise times, c is not negative, and t counts from the start of the history. For a
// cache that warms up, b is close to zero; for a leak, b is its slope.
func saturating(p *points, since float64) (better, slope float64) {
	n := len(p.v)
	if n < 8 {
		return 1, 0
	}
	plain := leastSquares(p.t, p.v)
	best := plain
	g := make([]float64, n)
	length := since + p.span()
	for tau := length / 48; tau < length/2; tau *= 1.5 {
		for form := range 3 {
			for i, t := range p.t {
				x := (t + since) / tau
				switch form {
				case 0:
					g[i] = -math.Exp(-x)
				case 1:
					g[i] = x / (1 + x)
				default:
					g[i] = math.Log1p(x)
				}
			}
			if b, c, residual, ok := regress(p.t, g, p.v); ok && c > 0 && residual < best {
				best, slope = residual, b
			}
		}
	}
	if plain <= 0 {
		return 1, 0
	}
	return best / plain, slope
}

// regress fits v = a + b*x + c*y by least squares.
func regress(x, y, v []float64) (b, c, residual float64, ok bool) {
	n := float64(len(v))
	var mx, my, mv float64
	for i := range v {
		mx += x[i] / n
		my += y[i] / n
		mv += v[i] / n
	}
	var xx, xy, yy, xv, yv, vv float64
	for i := range v {
		dx, dy, dv := x[i]-mx, y[i]-my, v[i]-mv
		xx += dx * dx
		xy += dx * dy
		yy += dy * dy
		xv += dx * dv
		yv += dy * dv
		vv += dv * dv
	}
	det := xx*yy - xy*xy
	if !(det > 1e-9*xx*yy) {
		return 0, 0, vv, false
	}
	b = (xv*yy - yv*xy) / det
	c = (yv*xx - xv*xy) / det
	return b, c, max(vv-b*xv-c*yv, 0), true
}

// leastSquares returns the sum of squared residuals of the fit v = a + b*x.
func leastSquares(x, v []float64) (residual float64) {
	n := float64(len(v))
	var mx, mv float64
	for i := range v {
		mx += x[i] / n
		mv += v[i] / n
	}
	var xx, xv, vv float64
	for i := range v {
		dx, dv := x[i]-mx, v[i]-mv
		xx += dx * dx
		xv += dx * dv
		vv += dv * dv
	}
	if xx == 0 {
		return vv
	}
	return max(vv-xv*xv/xx, 0)
}
