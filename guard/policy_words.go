package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// describe describes the value of a rule's signal, such as 'memory 471.0 MiB, 92% of
// 512.0 MiB' or 'memory 300.0 MiB, 90ms to 512.0 MiB at 2.2 GiB/s'.
func (v *view) describe(r Rule) string {
	value := v.values[r.Signal]
	text := r.Signal.String() + " " + r.Signal.format(value)
	limit := v.limits[r.Signal]
	if r.Signal == Throttled && limit > 0 {
		memory := "memory " + r.Signal.format(value)
		if v.throttle.now {
			return fmt.Sprintf("throttled at %s: %s, %s", r.Signal.format(limit), memory, v.throttle)
		}
		return fmt.Sprintf("%s, %.0f%% of %s, above which the kernel throttles", memory, 100*float64(value)/float64(limit), r.Signal.format(limit))
	}
	switch r.Line.kind {
	case lineTimeToLimit:
		left, rate, ok := v.liveForecast(r)
		if !ok {
			left, rate, ok = v.suspectForecast(r)
		}
		if !ok { // the rate has fallen
			return text
		}
		return fmt.Sprintf("%s, %v to %s at %s/s", text, left.Round(time.Millisecond),
			r.Signal.format(limit), profile.Bytes(rate))
	case lineShare:
		return fmt.Sprintf("%s, %.0f%% of %s", text, 100*float64(value)/float64(limit), r.Signal.format(limit))
	case lineGrowth:
		return fmt.Sprintf("%s, was %s in calm times", text, r.Signal.format(v.base[r.Signal]))
	case lineGrowing:
		return text + v.trends.describe(r.Signal, v)
	default:
		return fmt.Sprintf("%s, line at %s", text, r.Signal.format(r.Line.amount))
	}
}

// recovered says why an incident is over.
func (r Rule) recovered() string {
	switch {
	case r.Line.kind == lineGrowing:
		return fmt.Sprintf("the trend of %s has not been a leak for %v", r.Signal, r.Hold)
	case r.Signal == LeakedGoroutines:
		return fmt.Sprintf("the census has found no leaking goroutines for %v", r.Hold)
	case r.Signal == Throttled:
		return fmt.Sprintf("the kernel did not throttle, and memory was below %.3g%% of the line, for %v", 100*r.Recover, r.Hold)
	default:
		return fmt.Sprintf("%s was below %.3g%% of its line for %v", r.Signal, 100*r.Recover, r.Hold)
	}
}
