package evidence

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// round is a running capture.
type round struct {
	*Taker
	folder *store.Folder
	job    Job
	res    *Result
	gcEnd  chan error // nil: no forced GC is running

	collected bool // the last forced GC has succeeded

	// judgement is the result of the last forced GC for the suspicion.
	judgement judgement
	written   bool // at least one profile is safe
	failed    []profile.Kind
}

// run takes the profiles in order of importance.
//
// If a forced GC is admitted, begin has started it, and it runs while the first files are
// written. A fresh heap profile needs it, and at 64 MiB and 3 GB/s a delay of 4 ms would
// be decisive. The files do not wait for the GC: they are the evidence if the process
// dies before it ends.
func (t *round) run() {
	heap := t.wants(profile.Heap)
	t.atCrossing()
	t.linkBaselines()
	t.standIn()
	if heap {
		t.job.Collecting(*t.res)
		t.fresh()
	}
	if t.judgement == doubtful && t.job.Suspicion != nil && t.res.Live > 0 && t.res.Live <= t.job.Suspicion.Known {
		t.judgement = itIsKnown
	}
	if t.judgement >= itIsKnown {
		return
	}
	t.job.Finishing(*t.res)
	t.linkRungs()
	t.becomeRungs()
	t.goroutineText()
	t.others()
	// Kinds that failed are due again. Kinds that were skipped are not.
	if t.written {
		t.res.Saved = slices.DeleteFunc(slices.Clone(t.job.Kinds), func(k profile.Kind) bool { return slices.Contains(t.failed, k) })
	}
}

func (t *round) wants(k profile.Kind) bool { return slices.Contains(t.job.Kinds, k) }

// atCrossing saves the profiles that are available at once: the goroutines, whose state
// changes, and then the heap as of the last GC cycle.
func (t *round) atCrossing() {
	kinds := []profile.Kind{profile.Goroutine, profile.Heap}
	if t.stacks.TryLock() {
		t.stacks.Unlock()
	} else {
		// A census is reading the stacks of all goroutines. With a million of them that
		// takes seconds, and another caller has to wait in the runtime.
		slices.Reverse(kinds)
	}
	for _, kind := range kinds {
		if t.wants(kind) {
			t.write(kind, incident.VariantCrossing, kind == profile.Heap)
		}
	}
}

// begin starts the forced GC, before the first system call. A goroutine that returns from
// a system call while the leak keeps all processors busy may wait 10 ms for one.
func (t *round) begin() {
	if t.wants(profile.Heap) {
		t.forceGC()
	}
}

// forceGC starts a GC cycle if it would end in time.
func (t *round) forceGC() {
	if t.cfg.NoForcedGC {
		return
	}
	if ok, _ := t.admitGC(); !ok {
		return
	}
	collect := t.collect
	if t.gauge.hurried() {
		collect = t.collectFast
	}
	t.gcEnd = make(chan error, 1)
	go func(end chan<- error) {
		_, err := collect()
		end <- err
	}(t.gcEnd)
}

func (t *round) admitGC() (ok bool, why string) {
	return admitGC(time.Duration(t.gauge.left.Load()), t.GCTime())
}

// fresh waits for the forced GC and saves the heap profile of that cycle.
func (t *round) fresh() {
	if t.gcEnd == nil {
		t.forceGC() // the growth may have slowed down meanwhile
	}
	if t.gcEnd == nil {
		why := "NoForcedGC is set"
		if !t.cfg.NoForcedGC {
			_, why = t.admitGC()
		}
		t.skip(profile.Heap, why)
		return
	}
	if !t.freshOnce() {
		return
	}
	// During a leak of GB/s, a profile shows only half of it by the time it is written.
	// While the limit is near, replace it by newer ones. Each replacement is atomic.
	for range renewals {
		if !t.gauge.urgent() && t.judgement != doubtful {
			return
		}
		t.forceGC()
		if t.gcEnd == nil || !t.freshOnce() {
			return
		}
	}
}

// renewals is how often the fresh profile of an urgent capture is replaced at most.
const renewals = 4

// freshOnce waits for a forced GC and writes the profile. It reports whether that
// succeeded.
func (t *round) freshOnce() bool {
	return t.awaitJudgement() < itIsKnown && t.collected && t.write(profile.Heap, incident.VariantFresh, false)
}

// awaitJudgement waits for the forced GC, if there is one, and judges the suspicion, if
// there is one.
func (t *round) awaitJudgement() judgement {
	t.collected = false
	if t.gcEnd == nil {
		return t.judgement
	}
	err := <-t.gcEnd
	t.gcEnd = nil
	if err != nil {
		t.skip(profile.Heap, err.Error())
		return t.judgement
	}
	t.collected = true
	after := t.held()
	t.res.Live = after.Live
	if t.job.Suspicion == nil || t.judgement == itLives {
		return t.judgement
	}
	before := t.job.Suspicion.Before
	t.judgement = judge(before, after)
	if t.judgement == itLives && after.Live <= t.job.Suspicion.Known {
		t.judgement = doubtful // it may still grow; see renewals
	}
	t.res.Judged = append(t.res.Judged, fmt.Sprintf("forced GC: %s of %s in the heap is live, %s was live before the rise: %s",
		profile.Bytes(after.Live), profile.Bytes(before.Heap), profile.Bytes(before.Live), t.judgement))
	return t.judgement
}

func (t *round) skip(kind profile.Kind, why string) {
	t.step(incident.CaptureStep{Kind: kind, Outcome: incident.OutcomeSkipped, Reason: why})
}

// write saves a profile as a file of the incident.
func (t *round) write(kind profile.Kind, variant incident.Variant, stale bool) (ok bool) {
	name := store.FileName(kind, variant, t.job.Seq)
	if ok, why := t.admit(t.predict(kind)); !ok {
		t.skip(kind, why)
		return false
	}
	return t.writeAs(kind, name, stale, func(w io.Writer) error { return profile.Capture(w, kind) })
}

func (t *round) writeAs(kind profile.Kind, name string, stale bool, write func(io.Writer) error) (ok bool) {
	start := time.Now()
	_, err := t.folder.Write(name, write)
	step := incident.CaptureStep{Kind: kind, File: name, Outcome: incident.OutcomeWritten, Stale: stale, TookNS: time.Since(start).Nanoseconds()}
	if err != nil {
		step.File, step.Outcome, step.Reason, step.Stale = "", incident.OutcomeFailed, err.Error(), false
		if errors.Is(err, profile.ErrNoProfile) || errors.Is(err, errCPUInUse) {
			// If the program itself takes a CPU profile, perhaps all the time, a retry would
			// not help.
			step.Outcome = incident.OutcomeSkipped
		} else {
			t.res.Err = errors.Join(t.res.Err, err)
			t.failed = append(t.failed, kind)
		}
	} else {
		t.written = true
	}
	t.step(step)
	return err == nil
}

func (t *round) step(s incident.CaptureStep) {
	t.res.Record.Steps = append(t.res.Record.Steps, s)
	t.cfg.Stepped(s)
}
