package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// ErrPressure is the cause of contexts that pressure cancelled, see
// [Guard.PressureContext]; the cause's text says what the matter was.
var ErrPressure = errors.New("guard: memory pressure")

// Pressure is an episode in which the death of the process is near: what lives
// has come close to the limit, or will soon have at its present rate. It is a
// value, of the moment at which the episode began.
type Pressure struct {
	// Began is when it began. Zero: there was none.
	Began time.Time
	// Reason says in words why, such as '141.2 MiB live, 55% of 256.0 MiB,
	// full in 470ms at 244.1 MiB/s'.
	Reason string
	// Live is the memory that neither the kernel can take back nor the
	// garbage collector free, in bytes; Share is its share of Limit.
	Live, Limit profile.Bytes
	Share       float64
	// TimeToLimit is how long Live takes to the limit at its present rate;
	// negative where nothing predicts that.
	TimeToLimit time.Duration
	// Deadline is when the process is predicted to die: Began plus
	// TimeToLimit. Zero where nothing predicts it, which is so when memory is
	// nearly full but does not grow.
	Deadline time.Time
	// Hold is for how long things must be better before the episode ends.
	Hold time.Duration
	// Reading is the one by which the episode began.
	Reading incident.Reading
}

// String is the reason, or 'no pressure'.
func (p Pressure) String() string {
	if p.Began.IsZero() {
		return "no pressure"
	}
	return p.Reason
}

// PressureLines say when pressure begins and ends.
//
// Only what lives counts: page cache does not, and neither does garbage, nor
// memory that the Go heap keeps free. What Go memory lives is known as of the
// last GC cycle. So where garbage hides whether a line is crossed a cycle is
// forced, once at first and every second to ten seconds while it was garbage.
// That is done only if anything listens to pressure ([Config.OnPressure],
// [Config.Relief], or one call of [Guard.PressureContext], [Guard.UnderPressure]
// or [Guard.Pressure]), and not with [Config.NoForcedGC]; without, pressure is
// noticed at the cycles that come by themselves.
type PressureLines struct {
	// Share of the limit that lives at which pressure begins, between 0 and
	// 1. Zero: 0.85.
	Share float64
	// Time to the limit at the present rate below which pressure begins. It
	// should be what the service needs to leave: to be taken out of rotation
	// and to finish what it has. Negative: only Share counts. Zero: 30 s.
	Time time.Duration
	// Floor is the share of the limit that must live for Time to count. Zero:
	// 0.5.
	Floor float64
	// Warmup is for how long after Start only Share counts: a service that
	// fills its caches looks like one that leaks, and if it left for that it
	// would start again and again. Negative: Time counts at once. Zero: 1
	// minute.
	Warmup time.Duration
	// Hold is for how long what lives must stay under nine tenths of Share,
	// and the limit be further away than twice Time, until pressure is over.
	// Zero: 30 s.
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

// PressureState is where pressure stands.
type PressureState struct {
	// Under says that an episode is under way.
	Under bool
	// Last is the episode under way, else the last one; Ended is when that
	// ended, zero while it is under way. Episodes is how many there were.
	Last     Pressure
	Ended    time.Time
	Episodes int64
	// Decision is what was last decided, and why; DecidedAgo is how long
	// before the snapshot.
	Decision   string
	DecidedAgo time.Duration
}

// UnderPressure reports whether an episode of pressure is under way. It costs a
// few nanoseconds and may be asked for each request. After Close it is as it was
// then: a service that leaves stays so. False on a nil Guard.
func (g *Guard) UnderPressure() bool {
	if g == nil {
		return false
	}
	return g.loop.pressure.present() != nil
}

// Pressure returns the episode that is under way; ok is false where none is, and
// on a nil Guard. It is as cheap as UnderPressure.
func (g *Guard) Pressure() (p Pressure, ok bool) {
	if g == nil {
		return Pressure{}, false
	}
	if now := g.loop.pressure.present(); now != nil {
		return *now, true
	}
	return Pressure{}, false
}

// PressureContext returns a context that is cancelled when pressure first
// begins, and stays so when it is over: for work that is not to be begun any
// more, or is to be ended while there is time. Under pressure it is cancelled
// already. context.Cause says why: it is [ErrPressure], in words.
//
// The context also ends with its parent and with cancel, which should be called
// when it is not needed any more. Close does not cancel it. On a nil Guard only
// those two do.
func (g *Guard) PressureContext(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	cancel = func() { cancelCause(nil) }
	if g == nil {
		return ctx, cancel
	}
	g.loop.pressure.watchers.add(ctx, cancelCause, g.loop.pressure.present)
	return ctx, cancel
}

// cause is the cause of what this pressure cancels.
func (p *Pressure) cause() error { return fmt.Errorf("%w: %s", ErrPressure, p.Reason) }

// pressure makes the value of an episode that begins now.
func (p *pressurePolicy) pressure(v *view, d danger, r *incident.Reading) *Pressure {
	limit := v.limits[Memory]
	out := &Pressure{
		Began: r.Time, Live: profile.Bytes(v.heap.settled), Limit: profile.Bytes(limit),
		Share: float64(v.heap.settled) / float64(limit), TimeToLimit: d.left, Hold: p.lines.Hold, Reading: *r,
	}
	out.Reason = fmt.Sprintf("%s live, %.0f%% of %s", out.Live, 100*out.Share, out.Limit)
	if d.left >= 0 {
		out.Deadline = r.Time.Add(d.left)
		out.Reason += fmt.Sprintf(", full in %v at %s/s", roughly(d.left), profile.Bytes(d.rate))
	}
	return out
}

// roughly rounds a prediction to what is worth reading.
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
