package evidence

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/leakguard/leakguard/guard/internal/budget"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// others takes the kinds that only some rules capture. The CPU profile, which takes
// seconds, comes last.
func (t *round) others() {
	for _, kind := range t.job.Kinds {
		switch kind {
		case profile.Heap, profile.Goroutine, profile.CPU:
		case profile.GoroutineLeak:
			t.goroutineLeak()
		default:
			t.write(kind, incident.VariantCrossing, false)
		}
	}
	if t.wants(profile.CPU) {
		t.cpu()
	}
}

// goroutineText saves the text form of the goroutine profile, which has creators and wait
// times. It stops the world, so it is skipped if that would take long.
func (t *round) goroutineText() {
	if !t.wants(profile.Goroutine) || t.gauge.urgent() {
		return
	}
	r := t.gauge.reading()
	if r.Goroutines >= mostTextGoroutines {
		t.skip(profile.Goroutine, fmt.Sprintf("no text form: with %s goroutines it would stop the world for too long", r.Goroutines))
		return
	}
	if ok, why := t.admit(budget.PredictGoroutineText(r)); !ok {
		t.skip(profile.Goroutine, "no text form: "+why)
		return
	}
	name := "goroutine.txt"
	if t.job.Seq > 1 {
		name = fmt.Sprintf("goroutine.%d.txt", t.job.Seq)
	}
	t.writeAs(profile.Goroutine, name, false, captureGoroutineText)
}

func (t *round) goroutineLeak() {
	if !t.cfg.GoroutineLeak {
		t.skip(profile.GoroutineLeak, "Config.GoroutineLeak is not set")
		return
	}
	t.write(profile.GoroutineLeak, incident.VariantCrossing, false)
}

// cpu takes a CPU profile. It writes the manifest first, because the process may not live
// until the profile is complete.
func (t *round) cpu() {
	if t.gauge.urgent() {
		t.skip(profile.CPU, "memory would be full before the profile is useful")
		return
	}
	if !cpuProfile.TryLock() {
		t.skip(profile.CPU, "another capture, or another guard of this process, is taking one")
		return
	}
	defer cpuProfile.Unlock()
	t.job.Record.Capture(t.res.Record)
	if err := t.job.Record.Write(t.folder); err != nil {
		t.res.Err = errors.Join(t.res.Err, err)
	}
	t.cfg.FolderMade(t.job.ID) // what sinks have accepted can be recorded from here on
	t.writeAs(profile.CPU, store.FileName(profile.CPU, incident.VariantCrossing, t.job.Seq), false, func(w io.Writer) error {
		return captureCPU(t.job.Context, w, t.cfg.CPUProfile)
	})
	if t.job.Context.Err() != nil {
		last := &t.res.Record.Steps[len(t.res.Record.Steps)-1]
		if last.Outcome == incident.OutcomeWritten {
			last.Reason = fmt.Sprintf("cut short after %v: the guard was closed or the caller's context ended", time.Duration(last.TookNS).Round(time.Millisecond))
		}
	}
}
