package guard

import (
	"errors"
	"io"
	"time"

	"github.com/leakguard/leakguard/profile"
)

const (
	// warmAfter is when the process counts as warmed up: its second baseline
	// is taken, and rules of growth compare with that state from then on.
	warmAfter = time.Minute
	// baselineEvery is how often a further baseline is taken; the store
	// thins them out.
	baselineEvery = time.Hour
	// baselineRetry is how long after one was lost the next is tried.
	baselineRetry = time.Minute
)

// baselines is when the loop has the next baseline taken.
type baselines struct {
	next time.Duration // since Start
}

// takeBaseline has a baseline taken when one is due and nothing is the matter:
// a baseline out of an incident would be compared with itself.
func (l *loop) takeBaseline() {
	if l.keeper.lacksBaseline.Swap(false) {
		l.baselines.next = min(l.baselines.next, l.view.at+baselineRetry)
	}
	if l.view.at < l.baselines.next || len(l.captures) > 0 {
		return
	}
	for _, s := range l.watch.rules {
		// What leaks for weeks must not end the baselines: an incident takes one
		// that is older than its growth.
		if !s.rule.slow() && (s.open || s.position >= suspect) {
			return
		}
	}
	if !l.keeper.surveyed(l.keeper.baseline) {
		return
	}
	switch {
	case l.baselines.next < warmAfter:
		l.baselines.next = warmAfter
	default:
		l.baselines.next = l.view.at + baselineEvery
	}
}

// baseline keeps a profile of calm times of each kind.
func (k *keeper) baseline() {
	if k.store == nil {
		return
	}
	if !k.noGC {
		// Without it the profile would lack what was allocated in the last
		// two cycles, and an incident would blame that.
		if took, err := k.collect(); err == nil {
			k.gauge.gcTook.Store(int64(took))
			k.gauge.gcScan.Store(k.gauge.scan.Load())
		}
	}
	if k.taking.Load() > 0 {
		// What is the matter now would be taken for calm.
		k.lacksBaseline.Store(true)
		return
	}
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		r := k.gauge.reading()
		if ok, why := k.admitAllocation(profile.PredictCapture(kind, r)); !ok {
			k.lostBaseline(kind, errors.New(why))
			continue
		}
		write := func(w io.Writer) error { return profile.Capture(w, kind) }
		if kind == profile.Goroutine {
			write = func(w io.Writer) error {
				k.stacks.Lock()
				defer k.stacks.Unlock()
				return profile.Capture(w, kind)
			}
		}
		_, err := k.store.WriteBaseline(kind, time.Now(), write)
		if err != nil {
			k.lostBaseline(kind, err)
			continue
		}
		k.counters.baselines.Add(1)
	}
}

func (k *keeper) lostBaseline(kind profile.Kind, err error) {
	k.counters.failedBaselines.Add(1)
	k.lacksBaseline.Store(true)
	if k.once.first("baseline") {
		k.log.Warn("leakguard: a baseline profile was not kept, an incident may have none to compare with; further ones are only counted",
			"kind", kind.String(), "error", err)
	}
}
