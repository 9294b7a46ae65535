package trend

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// This file is the scenario set on which the analyser is evaluated. It was frozen
// before the analyser was written: changing it would turn measured figures into
// chosen ones.
//
// All quantities are relative to a level of 1, which the service has without load;
// makeSeries scales them to bytes. One sample per minute stands for the live heap
// after a GC cycle.

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// minutes of a day and of an hour, the generator's unit of time.
const (
	perHour = 60
	perDay  = 24 * perHour
	perWeek = 7 * perDay
)

// shape is one row of the evaluation.
type shape struct {
	name     string
	base     func(r *rand.Rand, n int) baseline
	leak     func(r *rand.Rand, n int, b baseline) leakage // nil: no leak
	horizons []time.Duration
}

// baseline is the series without a leak and without white noise.
type baseline struct {
	v []float64
	// traffic is the load that drives v, 0 to 1 on average over days, or nil if the
	// shape has none. A leak may follow it.
	traffic []float64
	// noise is the standard deviation of the white noise to add. If it is negative, a
	// common one is drawn.
	noise float64
}

// leakage is what the leak adds. It is 0 before from.
type leakage struct {
	v     []float64
	from  int   // minute
	steps []int // minutes of the steps; nil if it is not stepwise
}

// series is one generated history.
type series struct {
	at    []time.Duration
	v     []float64
	bytes float64 // the level in bytes, to which the following fields relate
	leaks bool
	from  time.Duration // when the leak begins
	grown func(at time.Duration) float64
	steps []time.Duration
	// noise is the robust standard deviation (1.4826 times the median absolute
	// deviation) of everything except the leak over the whole series: white noise,
	// swing, steps and warm-up together. It decides whether a leak is large enough to
	// count.
	noise float64
}

// counts reports whether a leak must be found by the horizon: it has run for 24 h,
// has grown by three times the series' own noise and, if it comes in steps, has
// made six.
func (s *series) counts(horizon time.Duration) bool {
	if !s.leaks || horizon-s.from < day || s.grown(horizon) < 3*s.noise {
		return false
	}
	if s.steps == nil {
		return true
	}
	n := 0
	for _, at := range s.steps {
		if at <= horizon {
			n++
		}
	}
	return n >= 6
}

// shapes is the scenario set.
func shapes() []shape {
	days := []time.Duration{day, 3 * day}
	weeks := []time.Duration{day, 3 * day, 3 * week}
	bases := []struct {
		name     string
		base     func(r *rand.Rand, n int) baseline
		horizons []time.Duration
	}{
		{"flat with noise", flat, days},
		{"AR(1)", autoregressive, days},
		{"daily swing", daily, days},
		{"weekly swing", weekly, weeks},
		{"sawtooth", sawtooth, days},
		{"warm-up cache", warmUp, days},
		{"level steps", levelSteps, days},
		{"one-off spike", spike, days},
		{"deploy-time ramp", ramp, days},
	}
	var all []shape
	for _, b := range bases {
		all = append(all, shape{name: b.name, base: b.base, horizons: b.horizons})
	}
	for _, b := range bases {
		name := "leak under " + b.name
		if b.name == "flat with noise" {
			name = "leak alone"
		}
		all = append(all, shape{name: name, base: b.base, leak: steady, horizons: b.horizons})
	}
	return append(all,
		shape{name: "stepwise leak", base: flat, leak: stepwise, horizons: days},
		shape{name: "leak that starts late", base: mixed, leak: late, horizons: days},
	)
}

// makeSeries generates the i-th series of a shape. The same arguments produce the
// same series.
func makeSeries(sh shape, seed uint64, i int) *series {
	h := uint64(14695981039346656037) // FNV-1a of the name: adding rows does not change others
	for _, c := range []byte(sh.name) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	r := rand.New(rand.NewPCG(seed, h+uint64(i)))
	n := int(sh.horizons[len(sh.horizons)-1]/time.Minute) + 1
	b := sh.base(r, n)
	if b.noise < 0 {
		b.noise = logUniform(r, 0.003, 0.03)
	}
	oneSided := r.IntN(2) == 0 // requests in flight only ever add
	for m := range b.v {
		if oneSided {
			b.v[m] += b.noise * r.ExpFloat64()
		} else {
			b.v[m] += b.noise * r.NormFloat64()
		}
	}
	s := &series{bytes: logUniform(r, 16<<20, 4<<30), noise: robustDeviation(b.v)}
	v := b.v
	if sh.leak != nil {
		l := sh.leak(r, n, b)
		s.leaks = true
		s.from = time.Duration(l.from) * time.Minute
		s.grown = func(at time.Duration) float64 { return l.v[min(int(at/time.Minute), n-1)] }
		for _, m := range l.steps {
			s.steps = append(s.steps, time.Duration(m)*time.Minute)
		}
		for m := range v {
			v[m] += l.v[m]
		}
	}
	missing := uniform(r, 0, 0.1) // a service without garbage has no GC cycle in that minute
	for m := range v {
		if r.Float64() < missing {
			continue
		}
		at := time.Duration(m)*time.Minute + time.Duration(r.IntN(20_000))*time.Millisecond
		s.at = append(s.at, at)
		// Live heap is a whole number of bytes, and never zero.
		s.v = append(s.v, math.Round(s.bytes*max(v[m], 0.01)))
	}
	return s
}

// The shapes.

func constant(n int) []float64 {
	v := make([]float64, n)
	for m := range v {
		v[m] = 1
	}
	return v
}

// flat has white noise of 0.5% to 10%.
func flat(r *rand.Rand, n int) baseline {
	return baseline{v: constant(n), noise: logUniform(r, 0.005, 0.10)}
}

// autoregressive wanders by 1% to 10% and forgets its position after 5 min to 4 h.
func autoregressive(r *rand.Rand, n int) baseline {
	v := constant(n)
	sigma := logUniform(r, 0.01, 0.10)
	phi := math.Exp(-1 / logUniform(r, 5, 4*perHour))
	x := r.NormFloat64()
	for m := range v {
		v[m] += sigma * x
		x = phi*x + math.Sqrt(1-phi*phi)*r.NormFloat64()
	}
	return baseline{v: v, noise: -1}
}

// dailyTraffic is a load with a period of one day, between a trough and 1. It peaks
// for a shorter or longer part of the day, and differs somewhat every day.
func dailyTraffic(r *rand.Rand, n int) []float64 {
	trough := uniform(r, 0.05, 0.5)
	sharp := uniform(r, 0.6, 2.5)
	phase := r.IntN(perDay)
	skew := uniform(r, -0.4, 0.4)
	today, tomorrow := 1+0.07*r.NormFloat64(), 1+0.07*r.NormFloat64()
	v := make([]float64, n)
	for m := range v {
		at := m + phase
		if m > 0 && at%perDay == 0 {
			today, tomorrow = tomorrow, 1+0.07*r.NormFloat64()
		}
		f := float64(at%perDay) / perDay
		x := 2 * math.Pi * f
		wave := (1 - math.Cos(x+skew*math.Sin(x))) / 2
		// The day's factor changes over the course of the day, not all at once.
		v[m] = (trough + (1-trough)*math.Pow(wave, sharp)) * (today*(1-f) + tomorrow*f)
	}
	return v
}

// daily swings by 5% to 80% of the level between night and day.
func daily(r *rand.Rand, n int) baseline {
	return loaded(r, dailyTraffic(r, n), logUniform(r, 0.05, 0.8))
}

// weekly has different days of the week. In two of three series the weekend has 30%
// to 90% of a weekday's load. In the third the week is a slow wave on top of the
// daily one.
func weekly(r *rand.Rand, n int) baseline {
	t := dailyTraffic(r, n)
	phase := r.IntN(perWeek)
	if r.IntN(3) == 0 {
		amplitude := uniform(r, 0.3, 1) * (slices.Max(t[:perDay]) - slices.Min(t[:perDay])) / 2
		for m := range t {
			t[m] += amplitude * (1 + math.Sin(2*math.Pi*float64(m+phase)/perWeek))
		}
		return loaded(r, t, logUniform(r, 0.05, 0.5))
	}
	var factor [7]float64
	for d := range factor {
		factor[d] = uniform(r, 0.9, 1.1)
	}
	weekend := uniform(r, 0.3, 0.9)
	factor[5], factor[6] = weekend*uniform(r, 0.9, 1.1), weekend*uniform(r, 0.9, 1.1)
	for m := range t {
		d := (m + phase) / perDay
		f := float64((m+phase)%perDay) / perDay
		// The change between days takes the first quarter of a day.
		w := min(f/0.25, 1)
		t[m] *= factor[(d+6)%7]*(1-w) + factor[d%7]*w
	}
	return loaded(r, t, logUniform(r, 0.05, 0.8))
}

func loaded(r *rand.Rand, traffic []float64, height float64) baseline {
	v := constant(len(traffic))
	for m := range v {
		v[m] += height * traffic[m]
	}
	return baseline{v: v, traffic: traffic, noise: -1}
}

// sawtooth rises by 10% to 80% over 20 min to 12 h and drops at once, like a buffer
// that is flushed or a cache that is cleared.
func sawtooth(r *rand.Rand, n int) baseline {
	v := constant(n)
	height := logUniform(r, 0.1, 0.8)
	period := logUniform(r, 20, 12*perHour)
	jitter := uniform(r, 0, 0.15)
	length := period
	x := r.Float64() * period
	for m := range v {
		v[m] += height * x / period
		if x++; x >= length {
			x = 0
			length = period * (1 + jitter*uniform(r, -1, 1))
		}
	}
	return baseline{v: v, noise: -1}
}

// warmUp is a cache that fills to 20% to 300% of the level: exponentially,
// hyperbolically (rare keys come late), or evenly until it is full.
func warmUp(r *rand.Rand, n int) baseline {
	v := constant(n)
	height := logUniform(r, 0.2, 3)
	var fill func(t float64) float64
	switch tau := logUniform(r, 0.5*perHour, 8*perHour); r.IntN(4) {
	case 0:
		tau = min(tau, 3*perHour)
		fill = func(t float64) float64 { return t / (t + tau) }
	case 1:
		fill = func(t float64) float64 { return min(t/(1.5*tau), 1) }
	default:
		fill = func(t float64) float64 { return 1 - math.Exp(-t/tau) }
	}
	for m := range v {
		v[m] += height * fill(float64(m))
	}
	return baseline{v: v, noise: -1}
}

// levelSteps shifts one to four times within 72 h, up or down, by 5% to 40%.
func levelSteps(r *rand.Rand, n int) baseline {
	v := constant(n)
	up := uniform(r, 0.3, 1) // probability that a step goes up
	for range 1 + r.IntN(4) {
		at := r.IntN(3 * perDay)
		size := logUniform(r, 0.05, 0.4)
		if r.Float64() > up {
			size = -size / 2
		}
		for m := at; m < n; m++ {
			v[m] += size
		}
	}
	return baseline{v: v, noise: -1}
}

// spike adds 50% to 400% once, for 5 min to 3 h, flat or dying away.
func spike(r *rand.Rand, n int) baseline {
	v := constant(n)
	at := r.IntN(n)
	height := logUniform(r, 0.5, 4)
	length := logUniform(r, 5, 3*perHour)
	decays := r.IntN(2) == 0
	for m := at; m < n; m++ {
		t := float64(m - at)
		if decays {
			v[m] += height * math.Exp(-t/length)
		} else if t < length {
			v[m] += height
		}
	}
	return baseline{v: v, noise: -1}
}

// ramp rises by 20% to 150% within 10 min to 4 h, at the start or, when
// something else is deployed, later.
func ramp(r *rand.Rand, n int) baseline {
	v := constant(n)
	from := 0
	if r.IntN(2) == 0 {
		from = r.IntN(2 * perDay)
	}
	height := logUniform(r, 0.2, 1.5)
	length := logUniform(r, 10, 4*perHour)
	for m := range v {
		v[m] += height * min(max(float64(m-from)/length, 0), 1)
	}
	return baseline{v: v, noise: -1}
}

// mixed returns one of the shapes that do not depend on history.
func mixed(r *rand.Rand, n int) baseline {
	return []func(*rand.Rand, int) baseline{flat, autoregressive, daily}[r.IntN(3)](r, n)
}

// The leaks.

// rate returns 0.5% to 5% of the level per hour, expressed per minute.
func rate(r *rand.Rand) float64 { return logUniform(r, 0.005, 0.05) / perHour }

// steady leaks from the start. If there is traffic, half of the leaks are per
// request and follow it.
func steady(r *rand.Rand, n int, b baseline) leakage {
	return leakage{v: accumulate(r, n, 0, b.traffic)}
}

// late begins between 6 h and 48 h.
func late(r *rand.Rand, n int, b baseline) leakage {
	from := 6*perHour + r.IntN(42*perHour)
	return leakage{v: accumulate(r, n, from, b.traffic), from: from}
}

func accumulate(r *rand.Rand, n, from int, traffic []float64) []float64 {
	perMinute := rate(r)
	byRequest := r.IntN(2) == 0 && traffic != nil
	mean := 0.0
	for _, t := range traffic {
		mean += t / float64(n)
	}
	v := make([]float64, n)
	sum := 0.0
	for m := from; m < n; m++ {
		v[m] = sum
		if byRequest {
			sum += perMinute * traffic[m] / mean
		} else {
			sum += perMinute
		}
	}
	return v
}

// stepwise leaks in one step what a steady leak would leak in 1.5 h to 8 h.
func stepwise(r *rand.Rand, n int, _ baseline) leakage {
	l := leakage{v: make([]float64, n)}
	perMinute := rate(r)
	every := logUniform(r, 1.5*perHour, 8*perHour)
	sum := 0.0
	next := every * r.Float64()
	for m := range l.v {
		if float64(m) >= next {
			sum += perMinute * every * uniform(r, 0.7, 1.3)
			l.steps = append(l.steps, m)
			next += every * uniform(r, 0.8, 1.2)
		}
		l.v[m] = sum
	}
	return l
}

// Helpers.

func uniform(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, r.Float64())
}

// robustDeviation returns 1.4826 times the median absolute deviation, which for
// normal noise is the standard deviation.
func robustDeviation(v []float64) float64 {
	x := slices.Clone(v)
	slices.Sort(x)
	median := x[len(x)/2]
	for i := range x {
		x[i] = math.Abs(x[i] - median)
	}
	slices.Sort(x)
	return 1.4826 * x[len(x)/2]
}
