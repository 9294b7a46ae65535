package evidence

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// rungKinds are the kinds of profile that have baselines.
var rungKinds = []profile.Kind{profile.Heap, profile.Goroutine}

// partOfRoom: a further baseline takes at most this part of the room that is left to the
// incident, so that later captures have room.
const partOfRoom = 8

// linkBaselines adds the baselines to compare with to the incident, once, in the first
// capture for which there is a baseline.
func (t *round) linkBaselines() {
	for _, kind := range rungKinds {
		name := store.FileName(kind, incident.VariantBase, 1)
		if _, linked := t.artefact(name); linked || !t.wants(kind) {
			continue
		}
		base, ok := t.cfg.Store.BaselineBefore(kind, t.job.Onset)
		if !ok {
			t.skip(kind, "there is no baseline")
			t.lacksBaseline.Store(true) // it may have been removed with the folder
			continue
		}
		t.link(name, base, false)
	}
}

// linkRungs adds the other baselines to the incident, oldest first: between them and the
// main one they show what had stopped growing, and what grew all the time. Each link takes
// a few system calls, so they come after the profiles of the crossing.
func (t *round) linkRungs() {
	for _, kind := range rungKinds {
		main, ok := t.artefact(store.FileName(kind, incident.VariantBase, 1))
		_, linked := t.artefact(store.FileName(kind, incident.VariantBase, 2))
		if !ok || linked || !t.wants(kind) {
			continue
		}
		// Nothing has grown since the one that stands in for a profile of now.
		now, _ := t.artefact(store.FileName(kind, incident.VariantCrossing, 1))
		number := 1
		for _, b := range t.cfg.Store.Baselines() {
			if b.Kind != kind || b.SHA256 == main.SHA256 || b.SHA256 == now.SHA256 || b.Size > t.folder.Room()/partOfRoom {
				continue
			}
			number++
			t.link(store.FileName(kind, incident.VariantBase, number), b, false)
		}
	}
}

// standIn adds the newest baseline of goroutines in place of a goroutine profile that
// could not be afforded. It shows fewer goroutines than there are, but a leak that has
// lasted for a while is in it.
func (t *round) standIn() {
	name := store.FileName(profile.Goroutine, incident.VariantCrossing, 1)
	have := slices.ContainsFunc(t.folder.Artefacts(), func(a incident.Artefact) bool {
		kind, variant, _, ok := incident.ParseFileName(a.Name)
		return ok && kind == profile.Goroutine && variant == incident.VariantCrossing
	})
	if have || !t.wants(profile.Goroutine) {
		return
	}
	main, ok := t.artefact(store.FileName(profile.Goroutine, incident.VariantBase, 1))
	if !ok {
		return
	}
	for _, b := range slices.Backward(t.cfg.Store.Baselines()) {
		if b.Kind != profile.Goroutine {
			continue
		}
		if b.SHA256 != main.SHA256 { // the difference of a profile to itself says nothing
			t.link(name, b, true)
		}
		return
	}
}

// link adds a baseline to the incident. stale says that it stands in for a profile of now.
func (t *round) link(name string, b store.BaselineFile, stale bool) {
	why := "as of " + b.Taken.UTC().Format(time.RFC3339)
	if b.Goroutines > 0 {
		why += fmt.Sprintf(", when there were %s goroutines", profile.Count(b.Goroutines))
	}
	step := incident.CaptureStep{Kind: b.Kind, File: name, Outcome: incident.OutcomeWritten, Reason: why, Stale: stale}
	if _, err := t.folder.Link(name, b); err != nil {
		step.File, step.Outcome, step.Reason, step.Stale = "", incident.OutcomeFailed, err.Error(), false
		t.res.Err = errors.Join(t.res.Err, err)
	}
	t.step(step)
}

// becomeRungs makes the profiles of this capture baselines for later incidents.
func (t *round) becomeRungs() {
	if !t.job.Rung {
		return
	}
	heap := incident.VariantFresh
	if t.cfg.NoForcedGC {
		heap = incident.VariantCrossing // like the baselines
	}
	for _, name := range []string{
		store.FileName(profile.Heap, heap, t.job.Seq),
		store.FileName(profile.Goroutine, incident.VariantCrossing, t.job.Seq),
	} {
		a, ok := t.artefact(name)
		stale := slices.ContainsFunc(t.res.Record.Steps, func(s incident.CaptureStep) bool {
			return s.File == name && s.Stale && s.Kind == profile.Goroutine
		})
		if !ok || stale {
			continue
		}
		if _, err := t.cfg.Store.AdoptBaseline(t.folder, a, a.Written, t.gauge.goroutines.Load()); err != nil {
			t.cfg.Log.Debug("leakguard: the profile of a capture did not become a baseline", "error", err)
		}
	}
}

// artefact returns the incident's file of that name.
func (t *round) artefact(name string) (a incident.Artefact, ok bool) {
	for _, a := range t.folder.Artefacts() {
		if a.Name == name {
			return a, true
		}
	}
	return a, false
}
