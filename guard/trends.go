package guard

import (
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/trend"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// trendSignals are the signals whose trend is watched.
var trendSignals = [...]Signal{LiveHeap, Goroutines, NonGo, CPUFloor, WakeupFloor}

const (
	// judgeEvery is how often a trend is judged, the same as in the simulations that
	// measured the judgement.
	judgeEvery = 30 * time.Minute
	// A trend that has added less than this opens no incident, because no evidence
	// would show it.
	leastLeakedBytes   = 1 << 20
	leastLeakedCount   = 10
	leastLeakedCPU     = 20  // milli-CPUs
	leastLeakedWakeups = 100 // per second
)

// hasTrend reports whether the signal's trend is watched.
func (s Signal) hasTrend() bool {
	for _, t := range trendSignals {
		if s == t {
			return true
		}
	}
	return false
}

// trends are the trends of signals over hours.
type trends struct {
	signals [len(trendSignals)]signalTrend
	// memory is only for charts. It is not judged, because other rules notice the limit
	// sooner, and NonGo covers the memory outside the heap.
	memory trend.Series
}

// signalTrend is one signal's history over weeks, with the last verdict.
type signalTrend struct {
	series   *trend.Series
	verdict  trend.Verdict
	judgedAt time.Duration
	judged   bool
}

// of returns a signal's trend. ok is false until it has been judged.
func (t *trends) of(s Signal) (st *signalTrend, ok bool) {
	for i, signal := range trendSignals {
		if signal == s {
			return &t.signals[i], t.signals[i].judged
		}
	}
	return nil, false
}

// observe adds the values of a view, and judges at most one signal.
func (t *trends) observe(v *view, f *floors) {
	t.memory.Add(v.at, float64(v.values[Memory]))
	judged := false
	for i, s := range trendSignals {
		st := &t.signals[i]
		value, known := float64(v.values[s]), v.values[s] >= 0
		if s.isFloor() {
			value, known = f.last(s)
		}
		if !known {
			continue
		}
		if st.series == nil {
			st.series = trend.New()
			st.judgedAt = v.at
		}
		st.series.Add(v.at, value)
		if judged || v.at-st.judgedAt < judgeEvery {
			continue
		}
		st.verdict, st.judgedAt, st.judged = st.series.Judge(), v.at, true
		judged = true
	}
}

// position is the position of a rule with the line Growing.
func (t *trends) position(s Signal) position {
	st, ok := t.of(s)
	switch {
	case !ok:
		return unknown
	case t.leaks(s, st) && st.grown() >= leastLeaked(s):
		return above
	case st.verdict.State >= trend.Growing:
		return between
	default:
		return below
	}
}

// leaks reports whether a signal's trend is a leak. A rise of CPU time comes from timers only
// if wake-ups rise as well. If goroutines leak at the same time, it is enough that both
// floors grow: with a large swing of the load, the floors need a week to be judged a leak by
// themselves, and goroutines a day.
func (t *trends) leaks(s Signal, st *signalTrend) bool {
	if s != CPUFloor {
		return st.verdict.State == trend.Leaking
	}
	wakeups, ok := t.of(WakeupFloor)
	if !ok || wakeups.verdict.State < trend.Growing || wakeups.grown() < leastLeakedWakeups {
		return false
	}
	goroutines, ok := t.of(Goroutines)
	return st.verdict.State == trend.Leaking ||
		st.verdict.State == trend.Growing && ok && goroutines.verdict.State == trend.Leaking && goroutines.grown() >= leastLeakedCount
}

// grown is how much the trend has added since it began.
func (st *signalTrend) grown() float64 {
	return st.verdict.Slope * (st.judgedAt - st.verdict.Since).Hours()
}

func leastLeaked(s Signal) float64 {
	switch {
	case s == CPUFloor:
		return leastLeakedCPU
	case s == WakeupFloor:
		return leastLeakedWakeups
	case s.counts():
		return leastLeakedCount
	}
	return leastLeakedBytes
}

// describe describes the trend of a signal, such as ', growing by 2.9 MiB (2.1 MiB to 3.6
// MiB) an hour for 26h, the limit of 512.0 MiB in 2d to 4d'.
func (t *trends) describe(s Signal, v *view) string {
	st, ok := t.of(s)
	if !ok {
		return ""
	}
	d := st.verdict
	format := func(x float64) string {
		switch {
		case s.counts():
			return fmt.Sprintf("%.3g", x)
		case s == WakeupFloor:
			return fmt.Sprintf("%.3g/s", x)
		case s == CPUFloor: // what is 2% of a core a day is less than a thousandth an hour
			return fmt.Sprintf("%.2f%% of a core", x/10)
		}
		return s.format(int64(max(x, 0)))
	}
	text := fmt.Sprintf(", growing by %s (%s to %s) an hour for %s", format(d.Slope), format(d.Low), format(d.High), days(v.at-d.Since))
	if soonest, latest, ok := d.TimeTo(float64(v.values[s]), float64(v.limits[s])); ok && v.limits[s] > 0 {
		text += fmt.Sprintf(", the limit of %s in %s to %s", s.format(v.limits[s]), days(soonest), days(latest))
	}
	return text
}

// days gives a duration in words. What is far off is not worth a figure.
func days(d time.Duration) string {
	if d >= 1000*24*time.Hour { // or trend.Never
		return "years"
	}
	return words.Span(d)
}

// onset returns when the signal began to grow, since Start.
func (t *trends) onset(s Signal) (at time.Duration, ok bool) {
	st, ok := t.of(s)
	if !ok || st.verdict.State == trend.Calm {
		return 0, false
	}
	return st.verdict.Since, true
}

// list appends the judged trends in the form of manifests and snapshots. started is the time
// of Start.
func (t *trends) list(out []incident.Trend, v *view, started time.Time) []incident.Trend {
	for i, s := range trendSignals {
		st := &t.signals[i]
		if !st.judged {
			continue
		}
		d := st.verdict
		p := incident.Trend{
			Signal: s.String(), Unit: s.Unit(), State: incident.TrendState(d.State.String()),
			Slope: d.Slope, SlopeLow: d.Low, SlopeHigh: d.High, Confidence: d.Confidence,
			Since: started.Add(d.Since).UTC(), Reason: d.Reason, LimitSoonest: profile.Unknown, LimitLatest: profile.Unknown,
		}
		if v.limits[s] > 0 {
			if soonest, latest, ok := d.TimeTo(float64(v.values[s]), float64(v.limits[s])); ok {
				p.LimitSoonest, p.LimitLatest = soonest, latest
				if latest == trend.Never {
					p.LimitLatest = profile.Unknown
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// points returns up to most points of the weeks before a time, spread evenly, with the floor
// of each interval. started is the time of Start.
func (t *trends) points(started, before time.Time, most int) []incident.HistoryPoint {
	byTime := make(map[time.Duration]*incident.HistoryPoint)
	var times []time.Duration
	add := func(series *trend.Series, set func(p *incident.HistoryPoint, floor float64)) {
		if series == nil {
			return
		}
		for _, point := range series.Points() {
			if !started.Add(point.At).Before(before) {
				break
			}
			p := byTime[point.At]
			if p == nil {
				p = &incident.HistoryPoint{Time: started.Add(point.At).UTC(), Memory: profile.Unknown, LiveHeap: profile.Unknown, Goroutines: profile.Unknown}
				byTime[point.At] = p
				times = append(times, point.At)
			}
			set(p, point.Floor)
		}
	}
	add(&t.memory, func(p *incident.HistoryPoint, floor float64) { p.Memory = profile.Bytes(floor) })
	if st, _ := t.of(LiveHeap); st != nil {
		add(st.series, func(p *incident.HistoryPoint, floor float64) { p.LiveHeap = profile.Bytes(floor) })
	}
	if st, _ := t.of(Goroutines); st != nil {
		add(st.series, func(p *incident.HistoryPoint, floor float64) { p.Goroutines = profile.Count(floor) })
	}
	if len(times) == 0 {
		return nil
	}
	slices.Sort(times)
	apart := (times[len(times)-1] - times[0]) / time.Duration(most)
	var out []incident.HistoryPoint
	next := times[0]
	for _, at := range times {
		if at >= next && len(out) < most {
			out = append(out, *byTime[at])
			next = at + apart
		}
	}
	return out
}
