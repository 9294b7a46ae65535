package guard

import (
	"fmt"

	"github.com/leakguard/leakguard/profile"
)

// settledHigh is the live memory that counts towards memory.high: unreclaimable memory
// without garbage and free heap. It is negative if unknown.
func (v *view) settledHigh() int64 {
	memory, all := v.values[Throttled], v.values[Memory]
	if memory < 0 || all < 0 || v.heap.settled < 0 {
		return profile.Unknown
	}
	return max(memory-max(all-v.heap.settled, 0), 0)
}

// nearHigh reports whether the kernel throttles the process because of live memory, or
// will within the time line. A process that merely lives above Share of memory.high is
// under no pressure: in Kubernetes memory.high may be nine tenths of the limit.
func (p *pressurePolicy) nearHigh(v *view) (d danger, near bool) {
	d = danger{left: -1, high: true}
	limit, live := v.limits[Throttled], v.settledHigh()
	if limit <= 0 || live < 0 {
		return d, false
	}
	if v.throttle.now && float64(live) >= p.lines.Share*float64(limit) {
		return d, true
	}
	if !p.byTime(v) || float64(live) < p.lines.Floor*float64(limit) {
		return d, false
	}
	left, rate, ok := v.forecastLive(max(limit-live, 0), limit, p.lines.Time)
	if !ok {
		return d, false
	}
	return danger{left: left, rate: rate, high: true}, true
}

// staysHigh reports whether an episode about memory.high goes on although the kernel
// does not throttle at the moment.
func (p *pressurePolicy) staysHigh(v *view) bool {
	limit, live := v.limits[Throttled], v.settledHigh()
	if limit <= 0 {
		return false
	}
	if live < 0 || float64(live) >= pressureRecover*p.lines.Share*float64(limit) {
		return true
	}
	if p.lines.Time < 0 {
		return false
	}
	_, _, ok := v.forecastLive(max(limit-live, 0), limit, 2*p.lines.Time)
	return ok
}

// highReason says why an episode about memory.high began.
func (d danger) highReason(v *view, p *Pressure) string {
	if d.left < 0 {
		return fmt.Sprintf("throttled at %s: %s live, %s", p.Limit, p.Live, v.throttle)
	}
	return fmt.Sprintf("%s live, %.0f%% of %s, throttled in %v at %s/s", p.Live, 100*p.Share, p.Limit, roughly(d.left), profile.Bytes(d.rate))
}
