package guard

import (
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
)

const (
	// warmAfter is when the process counts as warm: growth lines are relative to its
	// state then.
	warmAfter = time.Minute
	// baselineEvery is the interval of further baselines, which the store thins out.
	baselineEvery = time.Hour
	// baselineRetry is the time to the next attempt after a baseline was lost.
	baselineRetry = time.Minute
	// baselineShare: baselines on schedule take at most 1/1500 of a core on average. With
	// those of doubled goroutines, all of them stay below 1/1000.
	baselineShare = 1500

	// A baseline of goroutines is taken when their number has doubled: from manyGoroutines
	// on, below which one is affordable at any time, to mostGoroutines, where it takes
	// 0.25 s. However the number swings, that takes at most 1/3000 of a core.
	manyGoroutines = 500
	mostGoroutines = 100_000
	// quickGoroutines take a few milliseconds, so that is done even when the limit is near.
	quickGoroutines = 5000
	// doubledShare: such baselines take at most 1/10 of a core for a moment.
	doubledShare = 10
	// doubledRetry is the time to the next attempt after one was lost.
	doubledRetry = 10 * time.Second
)

// earlyBaselines are when the first baselines are due, since Start. A process that dies
// young has one from after its caches were filled, too. Each is three to five times as
// old as the one before, so that at any age there is one of between a fifth and a third
// of that age.
var earlyBaselines = [...]time.Duration{
	0, 5 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour,
}

// baselines schedules the baselines.
type baselines struct {
	next   time.Duration // when the next is due, since Start
	spent  time.Duration // CPU time of those on schedule
	taking bool          // one is being taken
	// goroutines is how many there were in the newest profile of them. nextDoubled is when
	// another may be taken because they have doubled, since Start.
	goroutines  int64
	nextDoubled time.Duration
}

// nextBaseline returns when the next baseline is due after one that was taken at that
// time, if that was not too expensive.
func nextBaseline(at time.Duration) time.Duration {
	for _, early := range earlyBaselines {
		if early > at {
			return early
		}
	}
	return at + baselineEvery
}

// pay delays the next baseline if those so far were expensive. They have the share of an
// hour in advance, since the first few come within minutes, at a time when the process is
// often short of CPU time and each seems to take long.
func (b *baselines) pay(cost time.Duration) {
	b.spent += cost
	b.next = max(b.next, baselineShare*b.spent-time.Hour)
}

// nextDoubled returns when the next baseline of goroutines may be taken after one that was
// taken at that time.
func nextDoubled(at time.Duration, r evidence.Rung) time.Duration {
	if r.Goroutines == 0 {
		return at + doubledRetry
	}
	return at + doubledShare*r.Cost
}

// doubled reports whether the number of goroutines has doubled since the newest profile
// of them. Where a later profile is too large to be taken, this one has the leak in it.
func (b *baselines) doubled(at time.Duration, goroutines int64) bool {
	return goroutines >= manyGoroutines && goroutines <= mostGoroutines && goroutines >= 2*b.goroutines && at >= b.nextDoubled
}

// takeBaseline starts a baseline if one is due and there is no incident. A baseline
// taken during an incident would already contain the growth.
func (l *loop) takeBaseline() {
	b := &l.baselines
	if l.keeper.LostBaseline() {
		b.next = min(b.next, l.view.at+baselineRetry)
	}
	if b.taking || len(l.captures) > 0 {
		return
	}
	if l.view.at >= b.next && l.noneSuspects() {
		l.baseline(l.keeper.Baseline, func(_ time.Duration, r evidence.Rung) { b.pay(r.Cost) })
		if b.taking {
			b.next = nextBaseline(l.view.at)
		}
		return
	}
	n := int64(l.reading.Goroutines)
	if b.doubled(l.view.at, n) && (n <= quickGoroutines || !l.busy()) {
		l.baseline(l.keeper.GoroutineBaseline, func(at time.Duration, r evidence.Rung) { b.nextDoubled = nextDoubled(at, r) })
	}
}

// noneSuspects reports whether no rule has an incident or suspects one. A leak over
// weeks must not stop the baselines: each incident uses one that is older than its
// growth.
func (l *loop) noneSuspects() bool {
	for _, s := range l.watch.rules {
		if !s.rule.slow() && (s.open || s.position >= suspect) {
			return false
		}
	}
	return true
}

// baseline queues take, and calls then on the loop with when it was due and its result.
func (l *loop) baseline(take func() evidence.Rung, then func(at time.Duration, r evidence.Rung)) {
	at := l.view.at
	l.baselines.taking = l.keeper.surveyed(func() {
		var rung evidence.Rung
		l.guarded(func() { rung = take() })
		// Also after a panic, or there would be no further baseline.
		l.post(func() {
			l.baselines.taking = false
			if rung.Goroutines > 0 {
				l.baselines.goroutines = rung.Goroutines
			}
			then(at, rung)
		})
	})
}
