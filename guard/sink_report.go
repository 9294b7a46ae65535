package guard

import (
	"context"
	"slices"
	"sync"
)

// reportWaits are the incidents that may still get a report, by ID.
type reportWaits struct {
	mu    sync.Mutex
	byID  map[string]*reportWait
	ended bool // no report will come any more
}

// reportWait waits for the report of one incident.
type reportWait struct {
	done     chan struct{} // closed when the report is written, or never will be
	incident Incident      // with the report; read it once done is closed
}

// expect notes that an incident may get a report.
func (w *reportWaits) expect(id string) *reportWait {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = make(map[string]*reportWait)
	}
	if w.ended {
		return nil
	}
	if w.byID[id] == nil {
		w.byID[id] = &reportWait{done: make(chan struct{})}
	}
	return w.byID[id]
}

// of returns the wait for an incident's report, or nil if none is expected.
func (w *reportWaits) of(id string) *reportWait {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byID[id]
}

// settle ends the wait. i has the report, or an empty headline if there will be none.
func (w *reportWaits) settle(id string, i Incident) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.byID[id]; r != nil {
		delete(w.byID, id)
		r.incident = i
		close(r.done)
	}
}

// wait returns the incident with its report, or the zero Incident if there is none when
// ctx is done.
func (r *reportWait) wait(ctx context.Context) Incident {
	select {
	case <-r.done:
		return ownCopy(r.incident)
	case <-ctx.Done():
		return Incident{}
	}
}

// reportOf returns the Report function of an event.
func reportOf(r *reportWait) func(context.Context) Incident {
	if r == nil {
		return nil
	}
	return r.wait
}

// end ends all waits, as the guard is closed.
func (w *reportWaits) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for id, r := range w.byID {
		delete(w.byID, id)
		close(r.done)
	}
}

// AwaitReport waits until the incident has a report, and returns the incident with its
// Headline, Suspects and Artefacts. It returns the incident as it is if ctx is done first,
// or if no report will come.
//
// A sink that needs the report together with the evidence calls it for [Captured]. It
// cannot wait for [Explained], which comes only after Captured has been delivered.
func (e Event) AwaitReport(ctx context.Context) Incident {
	i := e.Incident
	if e.Report == nil || i.Headline != "" {
		return i
	}
	if with := e.Report(ctx); with.Headline != "" {
		i.Headline, i.Suspects, i.Artefacts = with.Headline, with.Suspects, with.Artefacts
	}
	return i
}

// ownCopy returns an incident whose lists the receiver may change.
func ownCopy(i Incident) Incident {
	i.Artefacts = slices.Clone(i.Artefacts)
	i.Suspects = slices.Clone(i.Suspects)
	for n := range i.Suspects {
		i.Suspects[n].Reasons = slices.Clone(i.Suspects[n].Reasons)
	}
	return i
}
