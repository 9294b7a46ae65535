package evidence

import (
	"errors"
	"io"
	"time"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/profile"
)

// Baseline saves a heap and a goroutine profile of calm times.
func (t *Taker) Baseline() {
	if t.cfg.Store == nil {
		return
	}
	if !t.cfg.NoForcedGC {
		// Without a GC, the profile would miss the allocations of the last two cycles, and
		// an incident would mistake them for growth.
		if took, err := t.collect(); err == nil {
			t.gauge.gcTook.Store(int64(took))
			t.gauge.gcScan.Store(t.gauge.scan.Load())
		}
	}
	if t.taking.Load() > 0 {
		// There is an incident now, so this is no calm time.
		t.lacksBaseline.Store(true)
		return
	}
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		r := t.gauge.reading()
		if ok, why := t.admit(budget.PredictCapture(kind, r)); !ok {
			t.lostBaseline(kind, errors.New(why))
			continue
		}
		write := func(w io.Writer) error { return profile.Capture(w, kind) }
		if kind == profile.Goroutine {
			write = func(w io.Writer) error {
				t.stacks.Lock()
				defer t.stacks.Unlock()
				return profile.Capture(w, kind)
			}
		}
		_, err := t.cfg.Store.WriteBaseline(kind, time.Now(), write)
		if err != nil {
			t.lostBaseline(kind, err)
			continue
		}
		t.cfg.Baselined(true)
	}
}

func (t *Taker) lostBaseline(kind profile.Kind, err error) {
	t.cfg.Baselined(false)
	t.lacksBaseline.Store(true)
	if t.cfg.First("baseline") {
		t.cfg.Log.Warn("leakguard: a baseline profile was lost, so an incident may have none to compare with; further losses are only counted",
			"kind", kind.String(), "error", err)
	}
}

// LostBaseline reports whether a baseline has been lost since the last call.
func (t *Taker) LostBaseline() bool { return t.lacksBaseline.Swap(false) }
