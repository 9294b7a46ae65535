package evidence

import (
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Rung is the result of a baseline.
type Rung struct {
	Cost       time.Duration // CPU time, forced GC included
	Goroutines int64         // in the profile of goroutines; 0: there is none
}

// Baseline saves a heap and a goroutine profile of calm times.
func (t *Taker) Baseline() (r Rung) {
	if t.cfg.Store == nil {
		return Rung{}
	}
	if !t.cfg.NoForcedGC {
		// Without a GC, the profile would miss the allocations of the last two cycles, and
		// an incident would mistake them for growth.
		before := gcCPU()
		if took, err := t.collect(); err == nil {
			t.gauge.gcTook.Store(int64(took))
			t.gauge.gcScan.Store(t.gauge.scan.Load())
			r.Cost = gcCPU() - before
		}
	}
	if t.taking.Load() > 0 {
		// There is an incident now, so this is no calm time.
		t.lacksBaseline.Store(true)
		return r
	}
	start := time.Now()
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		if n, err := t.baseline(kind); err != nil {
			t.lacksBaseline.Store(true)
		} else if kind == profile.Goroutine {
			r.Goroutines = n
		}
	}
	r.Cost += time.Since(start)
	return r
}

// GoroutineBaseline saves a goroutine profile, while there are few enough goroutines.
func (t *Taker) GoroutineBaseline() (r Rung) {
	if t.cfg.Store == nil || t.taking.Load() > 0 {
		return Rung{}
	}
	start := time.Now()
	r.Goroutines, _ = t.baseline(profile.Goroutine)
	r.Cost = time.Since(start)
	return r
}

// baseline saves a baseline of a kind. It returns the number of goroutines at that time.
func (t *Taker) baseline(kind profile.Kind) (goroutines int64, err error) {
	if ok, why := t.admit(t.predict(kind)); !ok {
		return 0, t.lostBaseline(kind, errors.New(why))
	}
	write := func(w io.Writer) error { return profile.Capture(w, kind) }
	if kind == profile.Goroutine {
		write = func(w io.Writer) error {
			t.stacks.Lock()
			defer t.stacks.Unlock()
			return profile.Capture(w, kind)
		}
	}
	goroutines = int64(runtime.NumGoroutine())
	if _, err := t.cfg.Store.WriteBaseline(kind, time.Now(), goroutines, write); err != nil {
		return 0, t.lostBaseline(kind, err)
	}
	t.cfg.Baselined(true)
	return goroutines, nil
}

func (t *Taker) lostBaseline(kind profile.Kind, err error) error {
	t.cfg.Baselined(false)
	if t.cfg.First("baseline") {
		t.cfg.Log.Warn("leakguard: a baseline profile was lost, so an incident may have none to compare with; further losses are only counted",
			"kind", kind.String(), "error", err)
	}
	return err
}

// LostBaseline reports whether a baseline has been lost since the last call.
func (t *Taker) LostBaseline() bool { return t.lacksBaseline.Swap(false) }

// gcCPU returns the CPU time of all GC cycles that have ended.
func gcCPU() time.Duration {
	s := [1]metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s[:])
	if s[0].Value.Kind() != metrics.KindFloat64 {
		return 0
	}
	return time.Duration(s[0].Value.Float64() * float64(time.Second))
}
