package guard

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// take is one round of evidence under way.
type take struct {
	*keeper
	folder *profile.Folder
	job    captureJob
	res    *captureResult
	gcEnd  chan error // nil: no forced GC is under way

	collected bool // the last forced GC has ended well

	// judgement is what the last forced GC said of the suspicion.
	judgement judgement
	written   bool // at least one profile is safe
	failed    KindSet
}

// run takes the evidence in the order of what it costs to lose it.
//
// A forced GC, where it is admitted, has been started before (see begin) and
// runs beside the first files: a fresh heap profile needs it, and at 64 MiB and 3
// GB/s the 4 ms that it would otherwise wait decide. The files do not wait for
// it: they are the evidence if the process dies before it ends.
func (t *take) run() {
	kinds := t.job.kinds
	heap := kinds.Has(profile.Heap)
	t.atCrossing()
	t.linkBaselines()
	if heap {
		t.job.reached(collecting, *t.res)
		t.fresh()
	}
	if t.judgement == doubtful && t.job.suspicion != nil && t.res.live > 0 && t.res.live <= t.job.suspicion.known {
		t.judgement = itIsKnown
	}
	if t.judgement >= itIsKnown {
		return
	}
	t.job.reached(finishing, *t.res)
	t.goroutineText()
	t.others()
	// What was left out for a reason is not owed any more, what failed is.
	if t.written {
		t.res.kinds = kinds &^ t.failed
	}
}

// atCrossing keeps what there is at once: goroutines, which show only now what they
// do, and then the heap of the last GC cycle.
func (t *take) atCrossing() {
	kinds := []profile.Kind{profile.Goroutine, profile.Heap}
	if t.stacks.TryLock() {
		t.stacks.Unlock()
	} else {
		// A survey is taking the stacks of all goroutines. With a million of them
		// that takes seconds, and the runtime has another caller wait for it.
		slices.Reverse(kinds)
	}
	for _, kind := range kinds {
		if t.job.kinds.Has(kind) {
			t.write(kind, profile.AtCrossing, kind == profile.Heap)
		}
	}
}

// others takes the kinds that only some rules ask for.
func (t *take) others() {
	kinds := t.job.kinds
	for _, kind := range kinds.Kinds() {
		switch kind {
		case profile.Heap, profile.Goroutine:
		case profile.CPU:
			t.cpu()
		case profile.GoroutineLeak:
			t.goroutineLeak()
		default:
			t.write(kind, profile.AtCrossing, false)
		}
	}
}

// begin starts what goes on beside everything else, before the first system
// call: who is in one when all processors are taken by what leaks may wait 10 ms
// for one of them.
func (t *take) begin() {
	if t.job.kinds.Has(profile.Heap) {
		t.forceGC()
	}
}

// forceGC starts a GC cycle if it would end in time.
func (t *take) forceGC() {
	if t.noGC {
		return
	}
	if ok, _ := t.admitGC(); !ok {
		return
	}
	t.gcEnd = make(chan error, 1)
	go func(end chan<- error) {
		_, err := t.collect()
		end <- err
	}(t.gcEnd)
}

func (t *take) admitGC() (ok bool, why string) {
	return admitGC(t.gauge.headroom.Load(), t.gauge.currentRate(), t.gauge.gcTime())
}

// fresh waits for the forced GC and keeps the heap profile of that cycle.
func (t *take) fresh() {
	if t.gcEnd == nil {
		t.forceGC() // the growth may have slowed down meanwhile
	}
	if t.gcEnd == nil {
		why := "NoForcedGC is set"
		if !t.noGC {
			_, why = t.admitGC()
		}
		t.skip(profile.Heap, why)
		return
	}
	if !t.freshOnce() {
		return
	}
	// While a leak of GB/s goes on, a profile shows half of it when it is
	// written. As long as death is near there is nothing better to do than
	// to replace it by a newer one; each replacement is atomic.
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

// renewals bounds how often an urgent capture's fresh profile is replaced.
const renewals = 4

// freshOnce waits for a forced GC and writes the profile; it reports whether
// that is done.
func (t *take) freshOnce() bool {
	return t.awaitJudgement() < itIsKnown && t.collected && t.write(profile.Heap, profile.Fresh, false)
}

// awaitJudgement waits for the forced GC, if there is one, and for what it says
// of the suspicion, if that is what is being captured.
func (t *take) awaitJudgement() judgement {
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
	t.res.live = after.live
	if t.job.suspicion == nil || t.judgement == itLives {
		return t.judgement
	}
	before := t.job.suspicion.before
	t.judgement = judge(before, after)
	if t.judgement == itLives && after.live <= t.job.suspicion.known {
		t.judgement = doubtful // it may be on its way, see renewals
	}
	t.res.judged = append(t.res.judged, fmt.Sprintf("forced GC: of %s in the heap %s live, before the rise it was %s: %s",
		profile.Bytes(before.heap), profile.Bytes(after.live), profile.Bytes(before.live), t.judgement))
	return t.judgement
}

func (t *take) skip(kind profile.Kind, why string) {
	t.step(profile.Step{Kind: kind, Outcome: profile.OutcomeSkipped, Reason: why})
}

// write keeps a profile as a file of the incident.
func (t *take) write(kind profile.Kind, variant string, stale bool) (ok bool) {
	name := profile.FileName(kind, variant, t.job.seq)
	if ok, why := t.admitAllocation(profile.PredictCapture(kind, t.gauge.reading())); !ok {
		t.skip(kind, why)
		return false
	}
	return t.writeAs(kind, name, stale, func(w io.Writer) error { return profile.Capture(w, kind) })
}

func (t *take) writeAs(kind profile.Kind, name string, stale bool, write func(io.Writer) error) (ok bool) {
	start := time.Now()
	_, err := t.folder.Write(name, write)
	step := profile.Step{Kind: kind, File: name, Outcome: profile.OutcomeWritten, Stale: stale, TookNS: time.Since(start).Nanoseconds()}
	if err != nil {
		step.File, step.Outcome, step.Reason, step.Stale = "", profile.OutcomeFailed, err.Error(), false
		if errors.Is(err, profile.ErrNoProfile) || errors.Is(err, profile.ErrCPUInUse) {
			// That the host takes a CPU profile itself, perhaps all the
			// time, is no failure of ours that a retry would cure.
			step.Outcome = profile.OutcomeSkipped
		} else {
			t.res.err = errors.Join(t.res.err, err)
			t.failed |= KindsOf(kind)
		}
	} else {
		t.written = true
	}
	t.step(step)
	return err == nil
}

func (t *take) step(s profile.Step) {
	t.res.record.Steps = append(t.res.record.Steps, s)
	t.counters.step(s)
}

// linkBaselines puts beside the profiles what they are to be compared with, once
// an incident: with the first round for which there is one and room for it.
func (t *take) linkBaselines() {
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		name := profile.FileName(kind, profile.Base, 1)
		linked := slices.ContainsFunc(t.folder.Artefacts(), func(a profile.Artefact) bool { return a.Name == name })
		if linked || !t.job.kinds.Has(kind) {
			continue
		}
		base, ok := t.store.BaselineBefore(kind, t.job.onset)
		if !ok {
			t.skip(kind, "there is no baseline")
			t.lacksBaseline.Store(true) // removed with the folder, perhaps
			continue
		}
		step := profile.Step{Kind: kind, File: name, Outcome: profile.OutcomeWritten,
			Reason: "as of " + base.Taken.UTC().Format(time.RFC3339)}
		if _, err := t.folder.Link(name, base); err != nil {
			step.File, step.Outcome, step.Reason = "", profile.OutcomeFailed, err.Error()
			t.res.err = errors.Join(t.res.err, err)
		}
		t.step(step)
	}
}

// goroutineText keeps the form with creators and wait times, which stops the
// world, where that is short.
func (t *take) goroutineText() {
	if !t.job.kinds.Has(profile.Goroutine) || t.gauge.urgent() {
		return
	}
	r := t.gauge.reading()
	if r.Goroutines >= profile.MostTextGoroutines {
		t.skip(profile.Goroutine, fmt.Sprintf("no text form of %s goroutines: it would stop the world for too long", r.Goroutines))
		return
	}
	if ok, why := t.admitAllocation(profile.PredictGoroutineText(r)); !ok {
		t.skip(profile.Goroutine, "no text form: "+why)
		return
	}
	name := "goroutine.txt"
	if t.job.seq > 1 {
		name = fmt.Sprintf("goroutine.%d.txt", t.job.seq)
	}
	t.writeAs(profile.Goroutine, name, false, profile.CaptureGoroutineText)
}

func (t *take) goroutineLeak() {
	if !t.leaks {
		t.skip(profile.GoroutineLeak, "not opted in: Config.GoroutineLeak")
		return
	}
	t.write(profile.GoroutineLeak, profile.AtCrossing, false)
}

// cpu profiles for a while. The manifest is written first: everything else is
// there already, and the process may not live that long.
func (t *take) cpu() {
	if t.gauge.urgent() {
		t.skip(profile.CPU, "memory is full before such a profile is worth anything")
		return
	}
	if !cpuProfile.TryLock() {
		t.skip(profile.CPU, "another guard of this process, or another capture of this one, is taking one")
		return
	}
	defer cpuProfile.Unlock()
	t.job.record.capture(t.res.record)
	if err := t.job.record.write(t.folder); err != nil {
		t.res.err = errors.Join(t.res.err, err)
	}
	t.writeAs(profile.CPU, profile.FileName(profile.CPU, profile.AtCrossing, t.job.seq), false, func(w io.Writer) error {
		return profile.CaptureCPU(t.job.ctx, w, t.keeper.cpu)
	})
	if t.job.ctx.Err() != nil {
		last := &t.res.record.Steps[len(t.res.record.Steps)-1]
		if last.Outcome == profile.OutcomeWritten {
			last.Reason = fmt.Sprintf("cut short after %v: the guard was closed, or the caller has given up", time.Duration(last.TookNS).Round(time.Millisecond))
		}
	}
}
