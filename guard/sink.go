package guard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// Sink is told about incidents.
//
// The events of one incident arrive in order, one at a time, on a goroutine of
// the guard. nil means delivered, which is recorded in the incident's folder;
// an error is offered again after the next Start, with Redelivered set. ctx
// ends after 30 s and on Close; a sink that outlives it is left behind, gets no
// further event until it returns, and is named by Close. A panic is an error.
type Sink interface {
	// Name identifies the sink in logs and in delivery.json. It must not
	// change from one run of the program to the next.
	Name() string
	Deliver(ctx context.Context, e Event) error
}

const (
	deliverTimeout = 30 * time.Second
	// queuedEvents bounds what waits for one sink.
	queuedEvents = 64
	// mostUnrecorded bounds the acceptances that wait for a folder.
	mostUnrecorded = 256
)

// dispatcher hands events to sinks. One goroutine owns the queues; each call of
// a sink runs on a goroutine of its own, so that one which hangs holds up
// neither the others nor Close.
type dispatcher struct {
	log     *slog.Logger
	timeout time.Duration // of one delivery

	events  chan addressed
	done    chan *sinkQueue
	stopped chan struct{}
	cancel  context.CancelFunc
	ctx     context.Context
	sinks   []*sinkQueue

	counters *counters
	once     onces

	// record notes on disk what was accepted; nil: no disk.
	record func(id, sink, event string, at time.Time) error
	// recording is held while that happens, so that what is accepted while
	// the folder comes into being is recorded once.
	recording  sync.Mutex
	unrecorded []acceptance
}

// addressed is an event for one sink, or for all when sink is nil. Queues are
// compared, not sinks: a sink may be a value that cannot be compared.
type addressed struct {
	event Event
	sink  *sinkQueue
}

// sinkQueue is what waits for one sink.
type sinkQueue struct {
	sink  Sink
	name  string
	queue []Event
	busy  bool // from the start of a delivery until done is received
}

// acceptance is what a sink has accepted.
type acceptance struct {
	id, sink, event string
	at              time.Time
}

func newDispatcher(sinks []Sink, log *slog.Logger, c *counters) *dispatcher {
	d := &dispatcher{
		log: log, counters: c, timeout: deliverTimeout,
		events:  make(chan addressed, queuedEvents),
		done:    make(chan *sinkQueue, len(sinks)),
		stopped: make(chan struct{}),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for _, s := range sinks {
		d.sinks = append(d.sinks, &sinkQueue{sink: s, name: s.Name()})
	}
	return d
}

// send queues an event for all sinks, or drops and counts it. It never blocks.
func (d *dispatcher) send(e Event) { d.enqueue(addressed{event: e}) }

// sendTo queues an event for one sink.
func (d *dispatcher) sendTo(q *sinkQueue, e Event) { d.enqueue(addressed{event: e, sink: q}) }

func (d *dispatcher) enqueue(a addressed) {
	if len(d.sinks) == 0 {
		return
	}
	select {
	case d.events <- a:
	default:
		d.dropped("the queue of all sinks", a.event)
	}
}

func (d *dispatcher) dropped(where string, e Event) {
	d.counters.droppedEvents.Add(1)
	if d.once.first("dropped " + where) {
		d.log.Warn("leakguard: event dropped, the queue is full; further drops are only counted",
			"queue", where, "event", e.Kind.String(), "incident", e.Incident.ID)
	}
}

// run is the goroutine of the queues.
func (d *dispatcher) run() {
	defer close(d.stopped)
	for {
		select {
		case a := <-d.events:
			for _, q := range d.sinks {
				if a.sink != nil && a.sink != q {
					continue
				}
				if len(q.queue) >= queuedEvents {
					d.dropped(q.name, a.event)
					continue
				}
				q.queue = append(q.queue, a.event)
				d.next(q)
			}
		case q := <-d.done:
			q.busy = false
			d.next(q)
		case <-d.ctx.Done():
			return
		}
	}
}

// next starts the delivery of a sink's next event if it is free.
func (d *dispatcher) next(q *sinkQueue) {
	if q.busy || len(q.queue) == 0 || d.ctx.Err() != nil {
		return
	}
	e := q.queue[0]
	q.queue = q.queue[1:]
	q.busy = true
	go func() {
		// Also when the sink ends its goroutine by runtime.Goexit. It never blocks:
		// there is room for one per sink.
		defer func() { d.done <- q }()
		d.deliver(q, e)
	}()
}

func (d *dispatcher) deliver(q *sinkQueue, e Event) {
	// Whether it is overdue, has failed or both: it is one failure.
	var counted atomic.Bool
	failed := func(what string, err error) {
		if counted.CompareAndSwap(false, true) {
			d.counters.sinkFailures.Add(1)
		}
		log := d.log.With("sink", q.name, "event", e.Kind.String(), "incident", e.Incident.ID)
		if d.once.first("sink " + q.name) {
			log.Warn("leakguard: "+what+", will be offered again after the next start; further failures of this sink are only counted", "error", err)
		} else {
			log.Debug("leakguard: "+what, "error", err)
		}
	}
	returned := false
	defer func() {
		if !returned {
			failed("not delivered", fmt.Errorf("guard: sink %s has ended its goroutine", q.name))
		}
	}()
	err := d.call(q, e, func(err error) { failed("the sink does not return, its further events wait or are dropped", err) })
	returned = true
	if err != nil {
		failed("not delivered", err)
		return
	}
	d.counters.delivered.Add(1)
	if e.Kind == Captured && e.Incident.NotCaptured != "" {
		return // the evidence that may still come is another matter
	}
	d.accepted(acceptance{e.Incident.ID, q.name, e.Kind.String(), time.Now()})
}

func (d *dispatcher) call(q *sinkQueue, e Event, overdue func(error)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.counters.panics.Add(1)
			err = fmt.Errorf("guard: sink %s panicked: %v", q.name, p)
		}
	}()
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			overdue(fmt.Errorf("guard: sink %s has not returned after %v: %w", q.name, d.timeout, err))
		}
	})
	defer stop()
	return q.sink.Deliver(ctx, e)
}

// accepted records what a sink has accepted. 'opened' is usually accepted before
// there is a folder to record it in; then it waits for [dispatcher.folderMade].
func (d *dispatcher) accepted(a acceptance) {
	if d.record == nil {
		return
	}
	d.recording.Lock()
	defer d.recording.Unlock()
	err := d.record(a.id, a.sink, a.event, a.at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// An incident that never gets evidence leaves some for ever.
		if len(d.unrecorded) == mostUnrecorded {
			d.unrecorded = slices.Delete(d.unrecorded, 0, 1)
		}
		d.unrecorded = append(d.unrecorded, a)
	case err != nil:
		d.notRecorded(err)
	}
}

// folderMade records what was accepted of an incident before it had a folder.
func (d *dispatcher) folderMade(id string) {
	if d.record == nil {
		return
	}
	d.recording.Lock()
	defer d.recording.Unlock()
	d.unrecorded = slices.DeleteFunc(d.unrecorded, func(a acceptance) bool {
		if a.id != id {
			return false
		}
		if err := d.record(a.id, a.sink, a.event, a.at); err != nil {
			d.notRecorded(err)
		}
		return true
	})
}

func (d *dispatcher) notRecorded(err error) {
	if d.once.first("record") {
		d.log.Warn("leakguard: delivered, but that could not be recorded; it will be offered again after the next start", "error", err)
	}
}

// close ends the deliveries and waits for them until the context is done. Its
// errors name the sinks that are still at it.
func (d *dispatcher) close(ctx context.Context) (stuck []error) {
	d.cancel()
	select {
	case <-d.stopped:
	case <-ctx.Done():
		select {
		case <-d.stopped:
		default:
			return []error{errors.New("the queue of events has not ended: does the Logger block?")}
		}
	}
	for {
		stuck = nil
		for _, q := range d.sinks {
			if q.busy {
				stuck = append(stuck, fmt.Errorf("sink %s has not returned", q.name))
			}
		}
		if len(stuck) == 0 {
			return nil
		}
		// Who is through is not stuck, however late it is.
		select {
		case q := <-d.done:
			q.busy = false
			continue
		default:
		}
		select {
		case q := <-d.done:
			q.busy = false
		case <-ctx.Done():
			return stuck
		}
	}
}

// redeliver offers what an incident of an earlier process has that a sink has
// not accepted.
func (d *dispatcher) redeliver(m profile.Manifest, delivery profile.Delivery, folder string) {
	kinds := []EventKind{Opened}
	if len(m.Artefacts) > 0 {
		kinds = append(kinds, Captured)
	}
	if m.Headline != "" {
		kinds = append(kinds, Explained)
	}
	// A manual capture is over when it is taken, and that is no event.
	if m.Recovered != nil && m.Trigger == profile.TriggerRule {
		kinds = append(kinds, Recovered)
	}
	if m.Rule == profile.RulePreviousDeath {
		if kinds = []EventKind{PreviousDeath}; m.Death == nil {
			return // cut short: it will be told anew
		}
	}
	for _, q := range d.sinks {
		for _, k := range kinds {
			if !delivery.Has(q.name, k.String()) {
				reason := m.Reason
				if k == Explained {
					reason = m.Headline
				}
				d.sendTo(q, Event{Kind: k, Incident: incidentOf(m, folder), Time: m.Opened, Reason: reason, Redelivered: true})
			}
		}
	}
}

// incidentOf is what a manifest still tells of an incident.
func incidentOf(m profile.Manifest, folder string) Incident {
	i := Incident{
		ID: m.ID, Rule: m.Rule, Trigger: m.Trigger, Reason: m.Reason, Opened: m.Opened,
		Value: profile.Unknown, Peak: m.Peak, Reading: profile.NewReading(m.Opened),
		Folder: folder, Artefacts: m.Artefacts, Headline: m.Headline, Verdict: m.Verdict,
	}
	if m.Recovered != nil {
		i.Recovered = *m.Recovered
		// By the wall clock, the only one that is on disk; it may have
		// been set back meanwhile.
		i.Duration = max(m.Recovered.Sub(m.Opened), 0)
	}
	if n := len(m.Readings); n > 0 {
		i.Reading = m.Readings[n-1]
	}
	if m.Death != nil {
		i.Death, i.Headline = m.Death, m.Death.Culprit
		i.Value = int64(m.Death.Memory)
	}
	return i
}

// onces tells what has been said already.
type onces struct {
	mu   sync.Mutex
	said map[string]bool
}

// first reports whether this is the first time for the key.
func (o *onces) first(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said[key] {
		return false
	}
	if o.said == nil {
		o.said = make(map[string]bool)
	}
	o.said[key] = true
	return true
}
