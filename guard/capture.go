package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// captureJob is a round of evidence to be taken for an incident.
type captureJob struct {
	ctx    context.Context
	id     string
	record *record
	kinds  KindSet
	seq    int
	onset  time.Time
	// suspicion, if not nil, makes it evidence of an incident that there may
	// not be.
	suspicion *suspicion
	// reached is told how far the capture is, with what is known by then.
	reached func(s captureStage, res captureResult)
}

// captureResult is how it went.
type captureResult struct {
	id        string
	folder    string
	artefacts []profile.Artefact
	record    profile.CaptureRecord
	kinds     KindSet  // of which evidence is safe
	judged    []string // what forced GCs said of the suspicion
	live      int64    // live heap and stacks after the last forced GC; 0: none
	refuted   bool     // the suspicion was wrong, nothing is left
	err       error
}

// capture takes one round of evidence.
func (k *keeper) capture(j captureJob) (res captureResult) {
	res.id = j.id
	res.record = profile.CaptureRecord{Seq: j.seq, Time: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			k.counters.panics.Add(1)
			res.err = errors.Join(res.err, fmt.Errorf("guard: capture panicked: %v", p))
		}
	}()
	t := &take{keeper: k, job: j, res: &res}
	if j.suspicion != nil {
		t.judgement = doubtful
	}
	t.begin()
	folder, err := k.folder(j.id)
	if err != nil {
		// Whether there is an incident does not depend on the disk.
		res.err = err
		res.refuted = t.awaitJudgement() >= itIsKnown
		return res
	}
	res.folder = folder.Path()
	t.folder = folder
	t.run()
	if t.judgement >= itIsKnown {
		res.refuted = true
		k.open.remove(folder.ID())
		if err := folder.Discard(); err != nil {
			k.log.Debug("leakguard: the evidence of a refuted suspicion could not be discarded", "error", err)
		}
		return res
	}

	// Nothing below is needed for the evidence to survive the process.
	if err := folder.Sync(); err != nil {
		res.err = errors.Join(res.err, err)
	}
	j.record.capture(res.record)
	for _, text := range res.judged {
		j.record.decide(text)
	}
	if err := j.record.write(folder); err != nil {
		res.err = errors.Join(res.err, err)
	}
	res.artefacts = folder.Artefacts()
	if res.kinds == 0 && res.err == nil {
		res.err = nothingSaved(res.record.Steps)
	}
	k.folderMade(j.id)
	if _, err := k.store.Prune(time.Now(), j.id); err != nil && k.once.first("prune") {
		k.log.Warn("leakguard: old evidence could not be removed", "dir", k.store.Dir(), "error", err)
	}
	return res
}

func (k *keeper) admitAllocation(predicted int64) (ok bool, why string) {
	// What is free is read now: the GC cycle of this very capture may have
	// made room that the loop has not seen yet.
	s := k.runtime.read()
	return admitAllocation(k.gauge.headroom.Load(), s.HeapIdle-s.HeapReleased, predicted)
}

// nothingSaved says why a capture that did not fail has nothing to show.
func nothingSaved(steps []profile.Step) error {
	errs := []error{errors.New("guard: nothing was saved")}
	for _, s := range steps {
		errs = append(errs, fmt.Errorf("%s %s: %s", s.Kind, s.Outcome, s.Reason))
	}
	return errors.Join(errs...)
}

// held asks the runtime what is in the heap; after a GC.
func (k *keeper) held() held {
	s := k.runtime.read()
	return held{heap: s.HeapAlloc, live: s.HeapLive + s.StackInuse}
}
