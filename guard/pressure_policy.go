package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// pressureRecover is the fraction of the share line below which an episode may
	// end.
	pressureRecover = 0.9
	// longestPressureDoubt is the longest time between two forced GC cycles. A
	// cycle takes tens of milliseconds, so this is well under 1% of a core.
	longestPressureDoubt = 10 * time.Second
	// farthestDeath is how far ahead a kill is predicted for a process whose memory
	// is nearly full.
	farthestDeath = 24 * time.Hour
)

// heapView is the state of the heap, which tells live memory from garbage.
type heapView struct {
	alloc, live int64 // bytes of objects, and of those that the last GC found reachable
	goal        int64 // the value of alloc at which the next GC begins
	settled     int64 // Memory without garbage and free heap, or Unknown
	gcs         profile.Count
}

func newHeapView(r *incident.Reading) heapView {
	h := heapView{alloc: int64(r.HeapAlloc), live: int64(r.HeapLive), goal: int64(r.NextGC), settled: int64(r.Unreclaimable), gcs: r.NumGC}
	if h.settled < 0 {
		return h
	}
	if r.HeapAlloc.Known() && r.HeapLive.Known() {
		h.settled -= max(h.alloc-h.live, 0)
	}
	if r.HeapIdle.Known() && r.HeapReleased.Known() {
		h.settled -= max(int64(r.HeapIdle-r.HeapReleased), 0)
	}
	h.settled = max(h.settled, 0)
	return h
}

// pressurePolicy decides when pressure begins and ends. Like [watch] it depends only
// on the views passed to it.
type pressurePolicy struct {
	lines PressureLines

	begun      bool
	byHigh     bool          // the episode is about memory.high
	belowSince time.Duration // or never
	asked      *doubt        // the suspicion for which a GC was requested; nil: none
	askAt      time.Duration // no request before this time
	doubts     int           // suspicions refuted in a row
	refuted    float64       // the fastest allocation rate that was refuted, in bytes per second

	decision  string
	decidedAt time.Duration
}

// doubt is the state of memory when a GC cycle was requested.
type doubt struct {
	gcs         profile.Count
	alloc, rise int64
	rate        float64 // of Memory, in bytes per second
	allocRate   float64
}

// danger is a prediction of when memory is full. left is negative if unknown.
type danger struct {
	left time.Duration
	rate float64
	// high says that memory.high is meant, above which the kernel throttles.
	high bool
}

type pressureMove int

const (
	pressureStays pressureMove = iota
	pressureAsks               // a forced GC is needed to decide
	pressureBegins
	pressureEnds
)

func newPressurePolicy(lines PressureLines) pressurePolicy {
	return pressurePolicy{lines: lines.withDefaults(), belowSince: never, decision: "no reading yet"}
}

// step evaluates the next view. mayAsk says that a GC may be forced. d is set for
// pressureBegins.
func (p *pressurePolicy) step(v *view, mayAsk bool) (move pressureMove, d danger) {
	limit := v.limits[Memory]
	if limit <= 0 || v.heap.settled < 0 || v.headroom < 0 {
		p.belowSince = never
		p.decide(v, "the limit or the live memory is unknown")
		return pressureStays, d
	}
	judged, answered := p.answer(v)
	d, near := p.near(v)
	if !near && answered && judged.left >= 0 {
		d, near = judged, true
	}
	if !near {
		d, near = p.nearHigh(v)
	}
	switch {
	case p.begun:
		return p.stepBegun(v, near, mayAsk), d
	case near:
		d = d.sooner(p, v)
		p.begun, p.byHigh, p.belowSince, p.doubts, p.refuted = true, d.high, never, 0, 0
		p.askAt = v.at + firstDoubt
		p.decide(v, "pressure began")
		return pressureBegins, d
	case answered:
		p.refute(v)
		return pressureStays, d
	}
	rate, _ := v.alloc.rate()
	switch {
	case !p.suspects(v):
		p.decide(v, "no pressure")
	case p.asked != nil:
		p.decide(v, "memory is near the limit; waiting for a forced GC to show how much of it is live")
	case !mayAsk:
		p.decide(v, "memory is near the limit; the next GC cycle will show how much of it is live")
	case v.at < p.askAt && (p.refuted <= 0 || rate <= unheardOf*p.refuted):
		p.decide(v, "memory is near the limit, but a moment ago it was garbage")
	default:
		p.ask(v)
		return pressureAsks, d
	}
	return pressureStays, d
}

// stepBegun decides whether an episode has ended. Live memory is known as of the last
// GC, and an idle process may run its next GC minutes later, so one is forced from
// time to time.
func (p *pressurePolicy) stepBegun(v *view, near, mayAsk bool) pressureMove {
	stays := near || float64(v.heap.settled) >= pressureRecover*p.lines.Share*float64(v.limits[Memory]) || p.growing(v)
	if stays || p.byHigh && p.staysHigh(v) {
		p.belowSince = never
		p.decide(v, "under pressure")
		if mayAsk && p.asked == nil && v.at >= p.askAt {
			p.ask(v)
			p.askAt = v.at + longestPressureDoubt
			return pressureAsks
		}
		return pressureStays
	}
	if p.belowSince == never {
		p.belowSince = v.at
	}
	if v.at-p.belowSince < p.lines.Hold {
		p.decide(v, "under pressure, waiting to recover")
		return pressureStays
	}
	p.begun, p.byHigh = false, false
	p.decide(v, fmt.Sprintf("pressure has ended: live memory was below %.3g%% of the limit for %v and did not approach it", 100*pressureRecover*p.lines.Share, p.lines.Hold))
	return pressureEnds
}

// room is how many more bytes of live memory fit below the limit.
func (p *pressurePolicy) room(v *view) int64 {
	return v.headroom + max(v.values[Memory]-v.heap.settled, 0)
}

// near reports whether the limit is near, judged only by memory that the last GC found
// live.
func (p *pressurePolicy) near(v *view) (d danger, near bool) {
	limit := float64(v.limits[Memory])
	within := p.lines.Time
	full := float64(v.heap.settled) >= p.lines.Share*limit
	if full {
		within = farthestDeath
	} else if !p.byTime(v) || float64(v.heap.settled) < p.lines.Floor*limit {
		return danger{left: -1}, false
	}
	left, rate, ok := p.forecast(v, within)
	if !ok {
		return danger{left: -1}, full
	}
	return danger{left: left, rate: rate}, true
}

// sooner returns the earlier of two predictions. If the limit is reached before the
// next GC, garbage fills memory as well.
func (d danger) sooner(p *pressurePolicy, v *view) danger {
	rate, _ := v.alloc.rate()
	if d.high || v.heap.goal-v.heap.alloc <= v.headroom || rate <= 0 || d.left < 0 {
		return d
	}
	if left := lasts(p.room(v), rate); left < d.left {
		return danger{left: left, rate: rate}
	}
	return d
}

// byTime reports whether the time to the limit counts.
func (p *pressurePolicy) byTime(v *view) bool {
	return p.lines.Time > 0 && v.at >= p.lines.Warmup
}

// growing reports whether live memory would reach the limit within twice the time
// line.
func (p *pressurePolicy) growing(v *view) bool {
	if p.lines.Time < 0 {
		return false
	}
	_, _, ok := p.forecast(v, 2*p.lines.Time)
	return ok
}

// forecast predicts when live memory reaches the limit. Live memory is known as of the
// last GC. It can only have grown further if enough was allocated since.
func (p *pressurePolicy) forecast(v *view, within time.Duration) (left time.Duration, rate float64, ok bool) {
	return v.forecastLive(p.room(v), v.limits[Memory], within)
}

// forecastLive predicts when live memory has grown by room, towards a limit.
func (v *view) forecastLive(room, limit int64, within time.Duration) (left time.Duration, rate float64, ok bool) {
	left, rate, ok = v.live.forecast(room, leastRiseOf(limit)/2, within)
	if !ok {
		return left, rate, false
	}
	elapsed := v.at - v.live.points[len(v.live.points)-1].at
	if elapsed > rateWindow && float64(v.heap.alloc-v.heap.live) < rate*elapsed.Seconds()/2 {
		return 0, 0, false
	}
	return left, rate, true
}

// suspects reports whether the limit is near if all memory in use is live.
func (p *pressurePolicy) suspects(v *view) bool {
	memory, limit := float64(v.values[Memory]), float64(v.limits[Memory])
	if memory >= p.lines.Share*limit {
		return true
	}
	if v.throttle.now && float64(v.values[Throttled]) >= p.lines.Share*float64(v.limits[Throttled]) {
		return true
	}
	if !p.byTime(v) || memory < p.lines.Floor*limit {
		return false
	}
	_, _, ok := v.growth.forecast(v.headroom, leastRiseOf(v.limits[Memory]), p.lines.Time)
	return ok
}

func (p *pressurePolicy) ask(v *view) {
	d := &doubt{gcs: v.heap.gcs, alloc: v.heap.alloc, rise: v.growth.rise}
	if _, rate, ok := v.growth.forecast(v.headroom, leastRiseOf(v.limits[Memory]), max(p.lines.Time, 0)); ok {
		d.rate = rate
	}
	d.allocRate, _ = v.alloc.rate()
	p.asked = d
	p.decide(v, "memory is near the limit; forcing a GC to see how much of it is live")
}

// answer evaluates the GC cycle that was requested, once it has ended. The rise was
// garbage if at least half of it is gone. left is negative if there is no danger.
func (p *pressurePolicy) answer(v *view) (d danger, answered bool) {
	d.left = -1
	if p.asked == nil || v.heap.gcs <= p.asked.gcs {
		return d, false
	}
	a := p.asked
	p.asked = nil
	gone := max(a.alloc-v.heap.live, 0)
	lives := a.rise - gone
	if a.rate <= 0 || a.rise <= 0 || 2*lives <= a.rise {
		return d, true
	}
	rate := a.rate * float64(lives) / float64(a.rise)
	left := lasts(p.room(v), rate)
	if !p.byTime(v) || left > p.lines.Time || float64(v.heap.settled) < p.lines.Floor*float64(v.limits[Memory]) {
		return d, true
	}
	return danger{left: left, rate: rate}, true
}

// refute notes that the rise was garbage. Each time in a row doubles the time to the
// next request.
func (p *pressurePolicy) refute(v *view) {
	rate, _ := v.alloc.rate()
	p.refuted = max(p.refuted, rate)
	p.askAt = v.at + min(firstDoubt<<min(p.doubts, 10), longestPressureDoubt)
	p.doubts++
	p.decide(v, "memory came near the limit, but it was garbage")
}

// lost notes that the requested GC could not be forced.
func (p *pressurePolicy) lost(at time.Duration) {
	if p.asked != nil {
		p.asked = nil
		p.askAt = at + firstDoubt
	}
}

func (p *pressurePolicy) decide(v *view, what string) { p.decision, p.decidedAt = what, v.at }
