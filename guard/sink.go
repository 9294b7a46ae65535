package guard

import (
	"context"
	"fmt"
	"log/slog"
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
)

// dispatcher hands events to sinks. One goroutine owns the queues; each call of
// a sink runs on a goroutine of its own, so that one which hangs holds up
// neither the others nor Close.
type dispatcher struct {
	log    *slog.Logger
	record func(id, sink, event string, at time.Time) error

	events  chan addressed
	done    chan *sinkQueue
	stopped chan struct{}
	cancel  context.CancelFunc
	ctx     context.Context
	sinks   []*sinkQueue

	counters *counters
	once     onces
}

// addressed is an event for one sink, or for all when sink is nil.
type addressed struct {
	event Event
	sink  Sink
}

// sinkQueue is what waits for one sink.
type sinkQueue struct {
	sink   Sink
	name   string
	queue  []Event
	busy   atomic.Bool
	failed bool
}

func newDispatcher(sinks []Sink, log *slog.Logger, c *counters) *dispatcher {
	d := &dispatcher{
		log: log, counters: c,
		record:  func(string, string, string, time.Time) error { return nil },
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
func (d *dispatcher) sendTo(s Sink, e Event) { d.enqueue(addressed{event: e, sink: s}) }

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
				if a.sink != nil && a.sink != q.sink {
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
			d.next(q)
		case <-d.ctx.Done():
			return
		}
	}
}

// next starts the delivery of a sink's next event if it is free.
func (d *dispatcher) next(q *sinkQueue) {
	if q.busy.Load() || len(q.queue) == 0 {
		return
	}
	e := q.queue[0]
	q.queue = q.queue[1:]
	q.busy.Store(true)
	go func() {
		d.deliver(q, e)
		q.busy.Store(false)
		d.done <- q // never blocks: at most one per sink
	}()
}

func (d *dispatcher) deliver(q *sinkQueue, e Event) {
	err := d.call(q, e)
	log := d.log.With("sink", q.name, "event", e.Kind.String(), "incident", e.Incident.ID)
	if err != nil {
		d.counters.sinkFailures.Add(1)
		if d.once.first("sink " + q.name) {
			log.Warn("leakguard: not delivered, will be offered again after the next start; further failures of this sink are only counted", "error", err)
		} else {
			log.Debug("leakguard: not delivered", "error", err)
		}
		return
	}
	d.counters.delivered.Add(1)
	if e.Incident.Folder == "" {
		return
	}
	if err := d.record(e.Incident.ID, q.name, e.Kind.String(), time.Now()); err != nil && d.once.first("record") {
		log.Warn("leakguard: delivered, but that could not be recorded; it will be offered again after the next start", "error", err)
	}
}

func (d *dispatcher) call(q *sinkQueue, e Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.counters.panics.Add(1)
			err = fmt.Errorf("guard: sink %s panicked: %v", q.name, p)
		}
	}()
	ctx, cancel := context.WithTimeout(d.ctx, deliverTimeout)
	defer cancel()
	return q.sink.Deliver(ctx, e)
}

// close ends the deliveries and waits for them until the context is done. It
// returns the names of the sinks that are still at it.
func (d *dispatcher) close(ctx context.Context) (stuck []string) {
	d.cancel()
	<-d.stopped
	for _, q := range d.sinks {
		for q.busy.Load() {
			select {
			case <-d.done:
			case <-ctx.Done():
				if q.busy.Load() {
					stuck = append(stuck, q.name)
				}
			}
			if ctx.Err() != nil {
				break
			}
		}
	}
	return stuck
}

// redeliver offers what an incident of an earlier process has that a sink has
// not accepted.
func (d *dispatcher) redeliver(m profile.Manifest, delivery profile.Delivery, folder string) {
	kinds := []EventKind{Opened}
	if len(m.Artefacts) > 0 {
		kinds = append(kinds, Captured)
	}
	if m.Recovered != nil {
		kinds = append(kinds, Recovered)
	}
	for _, q := range d.sinks {
		for _, k := range kinds {
			if !delivery.Has(q.name, k.String()) {
				d.sendTo(q.sink, Event{Kind: k, Incident: incidentOf(m, folder), Time: m.Opened, Reason: m.Reason, Redelivered: true})
			}
		}
	}
}

// incidentOf is what a manifest still tells of an incident.
func incidentOf(m profile.Manifest, folder string) Incident {
	i := Incident{
		ID: m.ID, Rule: m.Rule, Trigger: m.Trigger, Reason: m.Reason, Opened: m.Opened,
		Value: profile.Unknown, Peak: m.Peak, Reading: profile.NewReading(m.Opened),
		Folder: folder, Artefacts: m.Artefacts,
	}
	if m.Recovered != nil {
		i.Recovered = *m.Recovered
		i.Duration = m.Recovered.Sub(m.Opened)
	}
	if n := len(m.Readings); n > 0 {
		i.Reading = m.Readings[n-1]
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
