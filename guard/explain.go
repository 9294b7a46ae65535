package guard

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard/internal/evidence"
	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

const (
	// mostExplanations is the most incidents that wait to be explained.
	mostExplanations = 32
	// explainAgain is the pause before an explanation is retried that was refused for
	// lack of memory or because a capture was running.
	explainAgain = time.Second
	// renderBytes is what the three forms of a report allocate: 1.6 MiB for small
	// profiles, and up to 5 MiB for large ones, which PredictCompare more than covers.
	renderBytes = 2 << 20
	// mostSuspects is the most suspects that an incident and its manifest have.
	mostSuspects = 8
	// explainEarlier is how many incidents of earlier processes, the newest, are
	// explained after a start.
	explainEarlier = 5
)

// explanations are the incidents that wait for their report.
type explanations struct {
	waiting []explanation
	running bool
	now     string        // the ID of the incident being explained
	after   time.Duration // the earliest time for the next one, since Start
	workers sync.WaitGroup
}

// explanation is an incident to be explained: its profiles are compared, suspects ranked,
// and a report written. That takes up to seconds and a hundred MiB, so it is done on its
// own goroutine, after all evidence is safe.
type explanation struct {
	id        string
	earlier   bool  // of an earlier process
	predicted int64 // bytes that the explanation will allocate
}

// explained is the result of an explanation.
type explained struct {
	explanation
	report   *report.Report
	manifest incident.Manifest // as it was written, with the report among the artefacts
	folder   string
	err      error
}

// wantExplanation queues an incident whose evidence is safe.
func (l *loop) wantExplanation(e explanation) {
	if l.cfg.NoReports {
		return
	}
	x := &l.explanations
	for i := range x.waiting {
		if x.waiting[i].id == e.id {
			x.waiting[i] = e
			return
		}
	}
	if len(x.waiting) == mostExplanations {
		l.counters.droppedJobs.Add(1)
		l.sinks.reports.settle(e.id, Incident{})
		return
	}
	x.waiting = append(x.waiting, e)
}

// settleReport ends the wait for the report of an incident that is over, unless its
// explanation is running or queued.
func (l *loop) settleReport(i *liveIncident) {
	x := &l.explanations
	if x.running && x.now == i.ID || slices.ContainsFunc(x.waiting, func(e explanation) bool { return e.id == i.ID }) {
		return
	}
	l.sinks.reports.settle(i.ID, Incident{})
}

// suspectsOf returns the suspects of a report for the manifest.
func suspectsOf(r *report.Report) incident.Suspects {
	return r.Suspects[:min(len(r.Suspects), mostSuspects)]
}

// explain starts the next explanation if there is enough memory and no capture is running.
func (l *loop) explain() {
	x := &l.explanations
	if len(x.waiting) == 0 || x.running || l.view.at < x.after {
		return
	}
	x.after = l.view.at + explainAgain
	// Take the first one that fits in memory, so that a large one does not delay the others.
	next := slices.IndexFunc(x.waiting, l.mayExplain)
	if next < 0 {
		return
	}
	e := x.waiting[next]
	x.waiting = slices.Delete(x.waiting, next, next+1)
	x.running, x.now = true, e.id
	x.workers.Go(func() {
		done := explained{explanation: e, err: errors.New("guard: the explanation panicked")}
		l.guarded(func() { done.report, done.err = l.keeper.explain(e) })
		l.post(func() { l.explained(done) })
	})
}

// explain reads an incident's profiles and explains them. The files of an incident of an
// earlier process may come from somebody else, so a mark says for as long as it takes that
// an explanation has begun.
func (k *keeper) explain(e explanation) (*report.Report, error) {
	if e.earlier {
		end, err := k.store.BeginExplanation(e.id)
		if err != nil {
			return nil, err
		}
		defer end()
	}
	return report.ExplainFolder(filepath.Join(k.store.Dir(), e.id))
}

// mayExplain reports whether an explanation may begin. The first refusal is recorded in
// the incident's manifest.
func (l *loop) mayExplain(e explanation) bool {
	why := l.refuseExplanation(e)
	if i := l.find(e.id); why != "" && i != nil && !i.waits {
		i.waits = true
		i.decide("not explained yet: " + why)
	}
	return why == ""
}

// refuseExplanation says why an explanation has to wait, or returns "".
func (l *loop) refuseExplanation(e explanation) string {
	if l.busy() {
		return "a capture is running, or the limit is near"
	}
	free := int64(0)
	if l.reading.HeapIdle.Known() && l.reading.HeapReleased.Known() {
		free = int64(l.reading.HeapIdle - l.reading.HeapReleased)
	}
	_, why := evidence.Admit(l.view.spare, free, e.predicted)
	return why
}

// explained queues the report to be written to the incident's folder.
func (l *loop) explained(done explained) {
	if done.err != nil {
		l.explanations.running = false
		l.notExplained(done)
		return
	}
	l.prove(done.report)
	var current *evidence.Record
	if i := l.find(done.id); i != nil {
		i.Headline, i.Suspects = done.report.Headline, suspectsOf(done.report)
		i.record.Update(func(m *incident.Manifest) { m.Headline, m.Suspects = i.Headline, i.Suspects })
		current = i.record
	}
	if !l.keeper.recorded(func() {
		done.err = errors.New("guard: writing the report panicked")
		l.guarded(func() { done.err = l.keeper.writeReport(&done, current) })
		l.post(func() { l.reported(done) })
	}) {
		l.explanations.running = false
		done.err = errors.New("guard: too many reports and manifests are waiting to be written")
		l.notExplained(done)
	}
}

// prove tells the census which sites the garbage collector has proven to leak, if the
// incident has a goroutine leak profile and belongs to this process.
func (l *loop) prove(r *report.Report) {
	of := r.Manifest.Process
	if r.GoroutineLeak == nil || of.PID != l.process.PID || !of.Started.Equal(l.process.Started) {
		return
	}
	var blocked []frames.Frame
	for _, s := range r.GoroutineLeak.Suspects {
		if s.Proven {
			blocked = append(blocked, frames.Frame{Function: s.Frame.Function, File: s.Frame.File, Line: s.Frame.Line})
		}
	}
	if len(blocked) > 0 {
		l.keeper.surveyed(func() { l.keeper.Prove(blocked) })
	}
}

// reported logs a report that was written and sends the event.
func (l *loop) reported(done explained) {
	l.explanations.running = false
	if done.err != nil {
		l.notExplained(done)
		return
	}
	l.counters.explained.Add(1)
	inc := incidentOf(done.manifest, done.folder)
	for _, r := range l.watch.rules {
		if r.rule.Name == inc.Rule {
			inc.Signal = r.rule.Signal
		}
	}
	if i := l.find(done.id); i != nil {
		if with := done.manifest.Artefacts; len(with) >= len(i.Artefacts) { // otherwise a later capture has added files
			i.Artefacts = with
		}
		i.decide("explained: " + done.report.Headline)
		inc = i.Incident
	}
	inc.Headline, inc.Suspects = done.report.Headline, suspectsOf(done.report)
	l.sinks.reports.settle(done.id, inc)
	l.explainedFor(done.id, inc.Headline, inc.Suspects)
	e := Event{Kind: Explained, Incident: inc, Time: time.Now(), Reason: done.report.Headline, Redelivered: done.earlier}
	l.later(func() {
		l.log.Warn("leakguard: "+done.report.Headline, "incident", done.id, "report", filepath.Join(done.folder, incident.ReportText))
		l.sinks.send(e)
	})
}

func (l *loop) notExplained(done explained) {
	l.sinks.reports.settle(done.id, Incident{})
	l.explainedFor(done.id, "", nil)
	l.counters.failedReports.Add(1)
	if l.once.first("explain") {
		l.log.Warn("leakguard: an incident could not be explained; its profiles are not affected; further failures are only counted",
			"incident", done.id, "error", done.err)
	}
}

// writeReport writes a report to its incident's folder. current is the record of a current
// incident. If it is nil, the manifest is read from disk.
func (k *keeper) writeReport(done *explained, current *evidence.Record) (err error) {
	f := k.Folder(done.id)
	if f == nil {
		if f, err = k.store.Reopen(done.id); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	if current == nil {
		onDisk, err := k.store.Incident(done.id)
		if err != nil {
			return err
		}
		onDisk.Headline, onDisk.Suspects = done.report.Headline, suspectsOf(done.report)
		current = evidence.RecordOf(onDisk)
	}
	if err := writeReport(f, done.report); err != nil {
		if !slices.ContainsFunc(f.Artefacts(), func(a incident.Artefact) bool { return a.Name == incident.ReportText }) {
			return err
		}
		// The text form is complete, so the other forms may be missing.
		if k.once.first("report") {
			k.log.Warn("leakguard: the HTML or Markdown form of a report could not be written; the text form was written; further failures are not logged",
				"incident", done.id, "error", err)
		}
	}
	done.manifest, done.folder = current.Snapshot(), f.Path()
	// An incident that was cut short gets no manifest, because that marks it as cut short.
	if !done.manifest.CutShort {
		if err := errors.Join(f.Sync(), current.Write(f)); err != nil {
			return err
		}
	}
	done.manifest.Artefacts = f.Artefacts()
	return nil
}

// writeReport writes all forms of a report to an incident's folder.
func writeReport(f *store.Folder, r *report.Report) error {
	return r.WriteForms(func(name string, form func(io.Writer) error) error {
		_, err := f.Write(name, form)
		return err
	})
}
