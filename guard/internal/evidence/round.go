package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Job is a round of evidence to be taken for an incident.
type Job struct {
	Context context.Context // ends a CPU profile
	ID      string          // of the incident
	Record  *Record
	Kinds   []profile.Kind
	Seq     int       // counts the incident's rounds from 1
	Onset   time.Time // when what it is about began to grow
	// Suspicion, if not nil, makes it evidence of an incident that there may
	// not be.
	Suspicion *Suspicion

	// Collecting is called when the first files are safe and a fresh profile of the
	// heap is to follow, Finishing when only what takes its time is left and it is
	// known whether a suspicion is right. Neither is called where nothing can be
	// written, Finishing not either where a suspicion is refuted.
	Collecting, Finishing func(Result)
}

// Result is how a round went.
type Result struct {
	Folder    string // "": there is none
	Artefacts []incident.Artefact
	Record    incident.CaptureRecord
	Saved     []profile.Kind // of which evidence is safe, or is not owed
	Judged    []string       // what forced GCs said of the suspicion
	Live      int64          // live heap and stacks after the last forced GC; 0: none
	Refuted   bool           // the suspicion was wrong, nothing is left
	Err       error
}

// Go takes a round of evidence on a goroutine of its own, and calls done there with
// how it went.
func (t *Taker) Go(j Job, done func(Result)) {
	t.taking.Add(1)
	t.rounds.Go(func() {
		res := t.capture(j)
		t.taking.Add(-1)
		done(res)
	})
}

// Wait waits until all rounds have ended, and what they were done with.
func (t *Taker) Wait() { t.rounds.Wait() }

// capture takes one round of evidence.
func (t *Taker) capture(j Job) (res Result) {
	res.Record = incident.CaptureRecord{Seq: j.Seq, Time: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			t.cfg.Panicked()
			res.Err = errors.Join(res.Err, fmt.Errorf("guard: capture panicked: %v", p))
		}
	}()
	r := &round{Taker: t, job: j, res: &res}
	if j.Suspicion != nil {
		r.judgement = doubtful
	}
	r.begin()
	folder, err := t.folderOf(j.ID)
	if err != nil {
		// Whether there is an incident does not depend on the disk.
		res.Err = err
		res.Refuted = r.awaitJudgement() >= itIsKnown
		return res
	}
	res.Folder = folder.Path()
	r.folder = folder
	r.run()
	if r.judgement >= itIsKnown {
		res.Refuted = true
		t.open.remove(folder.ID())
		if err := folder.Discard(); err != nil {
			t.cfg.Log.Debug("leakguard: the evidence of a refuted suspicion could not be discarded", "error", err)
		}
		return res
	}

	// Nothing below is needed for the evidence to survive the process.
	if err := folder.Sync(); err != nil {
		res.Err = errors.Join(res.Err, err)
	}
	j.Record.Capture(res.Record)
	for _, text := range res.Judged {
		j.Record.Decide(text)
	}
	if err := j.Record.Write(folder); err != nil {
		res.Err = errors.Join(res.Err, err)
	}
	res.Artefacts = folder.Artefacts()
	if len(res.Saved) == 0 && res.Err == nil {
		res.Err = nothingSaved(res.Record.Steps)
	}
	t.cfg.FolderMade(j.ID)
	if _, err := t.cfg.Store.Prune(time.Now(), j.ID); err != nil && t.cfg.First("prune") {
		t.cfg.Log.Warn("leakguard: old evidence could not be removed", "dir", t.cfg.Store.Dir(), "error", err)
	}
	return res
}

// nothingSaved says why a capture that did not fail has nothing to show.
func nothingSaved(steps []incident.CaptureStep) error {
	errs := []error{errors.New("guard: nothing was saved")}
	for _, s := range steps {
		errs = append(errs, fmt.Errorf("%s %s: %s", s.Kind, s.Outcome, s.Reason))
	}
	return errors.Join(errs...)
}

// held asks the runtime what is in the heap; after a GC.
func (t *Taker) held() Held {
	s := t.runtime.read()
	return Held{Heap: s.HeapAlloc, Live: s.HeapLive + s.StackInuse}
}
