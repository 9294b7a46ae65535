package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Job is a capture to be made for an incident.
type Job struct {
	Context context.Context // ends a CPU profile
	ID      string          // of the incident
	Record  *Record
	Kinds   []profile.Kind
	Seq     int       // the number of the capture within the incident, from 1
	Onset   time.Time // when the growth began; zero: not known
	Rung    bool      // its profiles are baselines for later incidents
	// Suspicion, if not nil, says that it is not known yet whether there is an
	// incident.
	Suspicion *Suspicion

	// Collecting is called when the first files are safe and a fresh heap profile
	// follows. Finishing is called when only slow files remain and it is known whether a
	// suspicion is right. Neither is called if nothing can be written. Finishing is not
	// called if a suspicion is refuted.
	Collecting, Finishing func(Result)
}

// Result is the result of a capture.
type Result struct {
	Folder    string // "": none
	Artefacts []incident.Artefact
	Record    incident.CaptureRecord
	Saved     []profile.Kind // kinds that are safe, or were skipped for a reason
	Judged    []string       // the results of forced GCs for the suspicion
	Live      int64          // live heap and stacks after the last forced GC; 0: none
	Refuted   bool           // the suspicion was wrong, and the evidence was discarded
	Err       error
}

// Go makes a capture on its own goroutine, and calls done there with the result.
func (t *Taker) Go(j Job, done func(Result)) {
	t.taking.Add(1)
	t.rounds.Go(func() {
		res := t.capture(j)
		t.taking.Add(-1)
		done(res)
	})
}

// Wait waits until all captures and their calls of done have ended.
func (t *Taker) Wait() { t.rounds.Wait() }

// capture makes one capture.
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
		// Without a disk, the suspicion is still judged.
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

	// The evidence already survives the end of the process.
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

// nothingSaved returns an error that says why a capture has saved nothing.
func nothingSaved(steps []incident.CaptureStep) error {
	errs := []error{errors.New("guard: nothing was saved")}
	for _, s := range steps {
		errs = append(errs, fmt.Errorf("%s %s: %s", s.Kind, s.Outcome, s.Reason))
	}
	return errors.Join(errs...)
}

// held reads the state of the heap. It is called after a GC.
func (t *Taker) held() Held {
	s := t.runtime.read()
	return Held{Heap: s.HeapAlloc, Live: s.HeapLive + s.StackInuse}
}
