package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// ErrPressure is the cause of contexts that are cancelled by pressure; see
// [Guard.PressureContext]. The text of the cause includes the reason.
var ErrPressure = errors.New("guard: memory pressure")

// Pressure is an episode of memory pressure: live memory is close to the limit, or
// will soon be at its present rate. The fields describe the moment at which the
// episode began.
type Pressure struct {
	// Began is when the episode began. Zero: there was no episode.
	Began time.Time
	// Reason says why it began, such as '141.2 MiB live, 55% of 256.0 MiB,
	// full in 470ms at 244.1 MiB/s'.
	Reason string
	// Live is the memory that neither the kernel can reclaim nor the garbage
	// collector free, in bytes. Limit is the limit in bytes, and Share is Live
	// divided by Limit. If the kernel throttles the process at memory.high, or
	// will soon, Limit is memory.high, and Reason says so.
	Live, Limit profile.Bytes
	Share       float64
	// TimeToLimit is the time until Live reaches Limit at its present rate.
	// Negative: unknown.
	TimeToLimit time.Duration
	// Deadline is when the process is predicted to be killed, or throttled:
	// Began plus TimeToLimit. Zero: unknown, because memory is nearly full but
	// does not grow, or because the kernel throttles the process already.
	Deadline time.Time
	// Hold is how long conditions must be better before the episode ends.
	Hold time.Duration
	// Reading is the reading that began the episode.
	Reading incident.Reading
}

// String returns Reason, or 'no pressure' for the zero Pressure.
func (p Pressure) String() string {
	if p.Began.IsZero() {
		return "no pressure"
	}
	return p.Reason
}

// PressureLines configures when an episode of pressure begins and ends.
//
// Only live memory counts. Page cache, garbage and the free part of the Go heap do
// not. The live part of the heap is known as of the last GC cycle, so the guard
// forces a cycle if garbage may hide that a line is crossed. If it was garbage, the
// guard forces the next cycle after one second, and then less often, up to every ten
// seconds.
//
// With cgroup v2 and a memory.high, above which the kernel throttles the process but
// does not kill it, an episode also begins when the kernel throttles the process and
// Share of memory.high is live. Time and Floor count for memory.high as they do for
// the limit.
//
// Cycles are forced only if the program uses pressure: it sets [Config.OnPressure]
// or [Config.Relief], or has called [Guard.PressureContext], [Guard.UnderPressure] or
// [Guard.Pressure]. They are never forced with [Config.NoForcedGC]. Without them,
// pressure is detected at the next regular GC cycle.
type PressureLines struct {
	// Share is the live share of the limit at which pressure begins, more than 0
	// and at most 1. Zero: 0.85.
	Share float64
	// Time is the time to the limit, at the present rate, below which pressure
	// begins. Set it to what the service needs to leave: to be taken out of
	// rotation and to finish its work. Negative: only Share counts. Zero: 30 s.
	Time time.Duration
	// Floor is the share of the limit that must be live for Time to count, more
	// than 0 and at most 1. Zero: 0.5.
	Floor float64
	// Warmup is how long after Start only Share counts. A service that fills its
	// caches looks like a leak, and if it left because of that it would restart
	// again and again. Negative: Time counts at once. Zero: 1 minute.
	Warmup time.Duration
	// Hold is how long live memory must stay below nine tenths of Share, and the
	// limit be further away than twice Time, before the episode ends. Zero: 30 s.
	Hold time.Duration
}

const (
	defaultPressureShare = 0.85
	defaultPressureTime  = 30 * time.Second
	defaultPressureFloor = 0.5
	defaultPressureHold  = 30 * time.Second
	defaultWarmup        = warmAfter
)

func (l PressureLines) withDefaults() PressureLines {
	if l.Share == 0 {
		l.Share = defaultPressureShare
	}
	if l.Time == 0 {
		l.Time = defaultPressureTime
	}
	if l.Floor == 0 {
		l.Floor = defaultPressureFloor
	}
	if l.Warmup == 0 {
		l.Warmup = defaultWarmup
	}
	if l.Hold == 0 {
		l.Hold = defaultPressureHold
	}
	return l
}

func (l PressureLines) validate(f *faults) {
	f.check(isShare(l.Share), "Pressure.Share", l.Share, "more than 0, at most 1 (0: 0.85)")
	f.check(isShare(l.Floor), "Pressure.Floor", l.Floor, "more than 0, at most 1 (0: 0.5)")
	f.check(l.Hold >= 0, "Pressure.Hold", l.Hold, "at least 0 (0: 30s)")
}

// PressureState is the state of memory pressure.
type PressureState struct {
	// Under reports whether there is an episode now.
	Under bool
	// Last is the current episode, else the last one.
	Last Pressure
	// Ended is when Last ended. Zero: it has not ended, or there was none.
	Ended time.Time
	// Episodes is the number of episodes since Start.
	Episodes int64
	// Decision is the last decision with its reason. DecidedAgo is its age.
	Decision   string
	DecidedAgo time.Duration
}

// UnderPressure reports whether there is an episode of pressure now. It takes a few
// nanoseconds, so it may be called for each request. After Close the answer does not
// change any more, so that a service that is leaving does not become ready again. On a
// nil Guard it returns false.
func (g *Guard) UnderPressure() bool {
	if g == nil {
		return false
	}
	return g.loop.pressure.present() != nil
}

// Pressure returns the current episode. ok is false if there is none, or on a nil
// Guard. It is as cheap as UnderPressure.
func (g *Guard) Pressure() (p Pressure, ok bool) {
	if g == nil {
		return Pressure{}, false
	}
	if now := g.loop.pressure.present(); now != nil {
		return *now, true
	}
	return Pressure{}, false
}

// PressureContext returns a child of parent that is cancelled when the next episode
// of pressure begins, or at once if there is an episode now. It stays cancelled when
// the episode ends. Use it for work that should stop, or not start, under pressure.
// Its [context.Cause] wraps [ErrPressure].
//
// Call cancel when the context is no longer needed. Close does not cancel it. On a
// nil Guard only parent and cancel end it.
func (g *Guard) PressureContext(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	cancel = func() { cancelCause(nil) }
	if g == nil {
		return ctx, cancel
	}
	g.loop.pressure.watchers.add(ctx, cancelCause, g.loop.pressure.present)
	return ctx, cancel
}

// cause returns the cause of the contexts that this episode cancels.
func (p *Pressure) cause() error { return fmt.Errorf("%w: %s", ErrPressure, p.Reason) }

// pressure describes an episode that begins now.
func (p *pressurePolicy) pressure(v *view, d danger, r *incident.Reading) *Pressure {
	limit, live := v.limits[Memory], v.heap.settled
	if d.high {
		limit, live = v.limits[Throttled], v.settledHigh()
	}
	out := &Pressure{
		Began: r.Time, Live: profile.Bytes(live), Limit: profile.Bytes(limit),
		Share: float64(live) / float64(limit), TimeToLimit: d.left, Hold: p.lines.Hold, Reading: *r,
	}
	if d.high {
		out.Reason = d.highReason(v, out)
		if d.left >= 0 {
			out.Deadline = r.Time.Add(d.left)
		}
		return out
	}
	out.Reason = fmt.Sprintf("%s live, %.0f%% of %s", out.Live, 100*out.Share, out.Limit)
	if d.left >= 0 {
		out.Deadline = r.Time.Add(d.left)
		out.Reason += fmt.Sprintf(", full in %v at %s/s", roughly(d.left), profile.Bytes(d.rate))
	}
	return out
}

// roughly rounds a prediction to a readable precision.
func roughly(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Second:
		return d.Round(time.Millisecond)
	case d < time.Hour:
		return d.Round(time.Second)
	default:
		return d.Round(time.Minute)
	}
}
