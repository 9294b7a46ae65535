package guard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard/internal/outbox"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
)

// A Sink receives the events of incidents.
//
// The guard calls Deliver with one event at a time, on a new goroutine for each. New
// events come before those left by earlier processes. The events of one incident come
// in order. The first one, Opened, comes before there is evidence. A sink that needs
// evidence can wait for Captured.
//
// If Deliver returns nil, the event is accepted, and that is recorded in the
// incident's folder. If it returns an error, panics or calls [runtime.Goexit], the
// event is offered again after the next Start, with Redelivered set. Later events of
// the incident are offered in any case.
//
// Every event is delivered at least once over any number of restarts, as long as its
// incident is kept. It may be delivered twice if the process dies after the acceptance
// and before that is recorded, or if processes share a folder. A sink can use
// [Event.Key] to drop repetitions. Events of an incident without a folder are kept in
// memory only, so they are lost when the process ends.
//
// ctx ends after 30 s and on Close. A sink that has not returned by then gets no
// further events until it does. It does not delay other sinks, and the error of Close
// names it.
type Sink interface {
	// Name identifies the sink in logs and in delivery.json. It has 1 to 64 bytes
	// and must be the same in every run of the program.
	Name() string
	// Deliver delivers an event. It should return when ctx ends.
	Deliver(ctx context.Context, e Event) error
}

const (
	// mostSinks and mostSinkName are the limits of delivery.json.
	mostSinks    = 64
	mostSinkName = 64
	// mostEvents is the most events held in memory.
	mostEvents = 256
)

// deliverTimeout is the longest time for one delivery. Tests shorten it.
var deliverTimeout = 30 * time.Second

// dispatcher connects the guard to the outbox. It converts events to and from the
// outbox's form, counts, and logs.
type dispatcher struct {
	names    []string
	own      incident.Process
	log      *slog.Logger
	counters *counters
	once     onces
	box      *outbox.Box
	reports  reportWaits
}

// newDispatcher starts the outbox. kept is nil if there is no disk. own describes this
// process.
func newDispatcher(sinks []Sink, kept *store.Store, own incident.Process, log *slog.Logger, c *counters) *dispatcher {
	d := &dispatcher{own: own, log: log, counters: c}
	cfg := outbox.Config{Observer: d, Timeout: deliverTimeout, Most: mostEvents}
	for _, s := range sinks {
		d.names = append(d.names, s.Name())
		cfg.Sinks = append(cfg.Sinks, boxedSink{s})
	}
	if kept != nil {
		cfg.Disk = deliveryDisk{kept, own, &d.reports}
	}
	d.box = outbox.New(cfg)
	return d
}

// boxedSink is a Sink as the outbox sees it.
type boxedSink struct{ Sink }

func (s boxedSink) Deliver(ctx context.Context, o outbox.Offer) error {
	e := o.Payload.(Event)
	e.Sequence = o.Event.Sequence
	e.Incident = ownCopy(e.Incident)
	return s.Sink.Deliver(ctx, e)
}

// send queues an event for all sinks. It never blocks.
func (d *dispatcher) send(e Event) {
	d.box.Post(outbox.News{
		Incident: e.Incident.ID,
		First:    e.Kind == Opened || e.Kind == PreviousDeath,
		Folder:   e.Incident.Folder != "",
		Event: store.DeliveryEvent{
			Event: e.Kind.String(), Time: e.Time, Reason: e.Reason,
			NotCaptured: e.Incident.NotCaptured, Evidence: e.Incident.EvidenceIn,
		},
		Payload: e,
	})
}

// folderMade notes that an incident has a folder for its events.
func (d *dispatcher) folderMade(id string) { d.box.HasFolder(id) }

// redeliver offers the sinks the events of earlier processes that they have not
// accepted. It stops when ctx is done.
func (d *dispatcher) redeliver(ctx context.Context, store *store.Store, incidents []incident.Manifest) {
	if len(d.names) == 0 {
		return
	}
	var ids []string
	for _, m := range incidents {
		if sameProcess(m.Process, d.own) || ctx.Err() != nil {
			continue
		}
		delivery, err := store.Delivery(m.ID)
		if err != nil {
			d.DiskFailed(m.ID, err)
			continue
		}
		if delivery = completeDelivery(m, delivery); !d.lacks(delivery) {
			continue
		}
		folder, err := store.Reopen(m.ID)
		if err != nil {
			continue // its process is alive and delivers it itself
		}
		folder.Close()
		ids = append(ids, m.ID)
	}
	d.box.Backlog(ids...)
}

// lacks reports whether any sink has not accepted all events.
func (d *dispatcher) lacks(delivery store.Delivery) bool {
	for _, name := range d.names {
		for _, e := range delivery.Events {
			if !delivery.Accepts(name, e.Sequence) {
				return true
			}
		}
	}
	return false
}

// cancel ends the sinks' context.
func (d *dispatcher) cancel() { d.box.Cancel() }

// close waits until the sinks have returned and their acceptances are recorded, or
// until ctx is done. The errors name what has not ended.
func (d *dispatcher) close(ctx context.Context) []error { return d.box.Close(ctx) }

// Delivered and the methods below implement [outbox.Observer].
func (d *dispatcher) Delivered(string, outbox.Offer) { d.counters.delivered.Add(1) }

func (d *dispatcher) Failed(sink string, o outbox.Offer, err error, late bool) {
	if !late { // otherwise Overdue has counted it
		d.counters.sinkFailures.Add(1)
	}
	if panicked := new(outbox.PanicError); errors.As(err, &panicked) {
		d.counters.panics.Add(1)
	}
	d.failed(sink, o, "an event was not delivered", fmt.Errorf("guard: sink %s: %w", sink, err))
}

func (d *dispatcher) Overdue(sink string, o outbox.Offer, err error) {
	d.counters.sinkFailures.Add(1)
	d.failed(sink, o, "a sink has not returned in time; its further events wait", fmt.Errorf("guard: %w", err))
}

func (d *dispatcher) failed(sink string, o outbox.Offer, what string, err error) {
	log := d.log.With("sink", sink, "event", o.Event.Event, "incident", o.Incident)
	if d.once.first("sink " + sink) {
		log.Warn("leakguard: "+what+"; the event will be redelivered after the next start; further failures of this sink are only counted", "error", err)
	} else {
		log.Debug("leakguard: "+what, "error", err)
	}
}

func (d *dispatcher) Dropped(n int) {
	d.counters.droppedEvents.Add(int64(n))
	if d.once.first("dropped") {
		d.log.Warn("leakguard: events were dropped because too many are waiting for the sinks; further drops are only counted", "events", n)
	}
}

func (d *dispatcher) DiskFailed(id string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return // it has no folder yet, or was removed to make room
	}
	if d.once.first("disk") {
		d.log.Warn("leakguard: the record of deliveries could not be read or written; events may be delivered again after the next start, or not at all; further failures are not logged",
			"incident", id, "error", err)
	}
}

// onces remembers which messages have been logged.
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
