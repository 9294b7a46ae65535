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

// Sink is told about incidents.
//
// A sink gets one event at a time, each on a goroutine of its own. New events come
// before those that earlier processes have left, and the events of one incident come
// in order. The first, Opened, comes before there is evidence: a sink that wants
// evidence waits for Captured, or for 5 s.
//
// nil means that the event is accepted, which is recorded in the incident's folder.
// An error means that it is offered again after the next Start, with Redelivered set;
// the incident's later events are offered all the same. A panic, or the end of the
// goroutine by runtime.Goexit, is an error. Every event is delivered at least once,
// over any number of restarts, as long as its incident is kept; and exactly once,
// unless the process dies between the acceptance and its record. Processes that share a
// folder may both deliver an event of an incident that is over. By [Event.Key] a sink
// can drop the repetition.
// Events of an incident that has no folder, because it has no evidence of its own or
// because there is no disk, are kept in memory only.
//
// ctx ends after 30 s and on Close. A sink that has not returned by then gets no
// further event until it does, holds up no other sink, and is named by Close.
type Sink interface {
	// Name identifies the sink in logs and in delivery.json: 1 to 64 bytes. It
	// must not change from one run of the program to the next.
	Name() string
	Deliver(ctx context.Context, e Event) error
}

const (
	// mostSinks and mostSinkName are what a delivery.json takes.
	mostSinks    = 64
	mostSinkName = 64
	// mostEvents bounds the events in memory.
	mostEvents = 256
)

// deliverTimeout bounds one delivery. Tests shorten it.
var deliverTimeout = 30 * time.Second

// dispatcher is the guard's side of the outbox: it turns events into what the outbox
// keeps and back, counts, and logs.
type dispatcher struct {
	names    []string
	own      incident.Process
	log      *slog.Logger
	counters *counters
	once     onces
	box      *outbox.Box
	reports  reportWaits
}

// newDispatcher starts the outbox; store is nil where there is no disk. own is the
// process that it runs in.
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

// send tells all sinks. It never blocks.
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

// folderMade says that an incident has a folder, into which its events can be written.
func (d *dispatcher) folderMade(id string) { d.box.HasFolder(id) }

// redeliver offers the sinks what they have not accepted of earlier processes'
// incidents. It gives up when ctx is done.
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

// lacks reports whether a sink has not accepted all events.
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

// close waits for the sinks and for the record of what they have accepted, until the
// context is done. Its errors name what has not ended.
func (d *dispatcher) close(ctx context.Context) []error { return d.box.Close(ctx) }

// Delivered is called by the outbox, like the methods below.
func (d *dispatcher) Delivered(string, outbox.Offer) { d.counters.delivered.Add(1) }

func (d *dispatcher) Failed(sink string, o outbox.Offer, err error, late bool) {
	if !late { // else it was counted when it was overdue
		d.counters.sinkFailures.Add(1)
	}
	if panicked := new(outbox.PanicError); errors.As(err, &panicked) {
		d.counters.panics.Add(1)
	}
	d.failed(sink, o, "an event was not delivered", fmt.Errorf("guard: sink %s: %w", sink, err))
}

func (d *dispatcher) Overdue(sink string, o outbox.Offer, err error) {
	d.counters.sinkFailures.Add(1)
	d.failed(sink, o, "a sink does not return, its further events wait", fmt.Errorf("guard: %w", err))
}

func (d *dispatcher) failed(sink string, o outbox.Offer, what string, err error) {
	log := d.log.With("sink", sink, "event", o.Event.Event, "incident", o.Incident)
	if d.once.first("sink " + sink) {
		log.Warn("leakguard: "+what+"; it will be offered again after the next start, and further failures of this sink are only counted", "error", err)
	} else {
		log.Debug("leakguard: "+what, "error", err)
	}
}

func (d *dispatcher) Dropped(n int) {
	d.counters.droppedEvents.Add(int64(n))
	if d.once.first("dropped") {
		d.log.Warn("leakguard: events were dropped, too many wait for the sinks; further drops are only counted", "events", n)
	}
}

func (d *dispatcher) DiskFailed(id string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return // it has no folder yet, or was removed to make room
	}
	if d.once.first("disk") {
		d.log.Warn("leakguard: the record of deliveries could not be read or written; after the next start events may be delivered again, or not at all; further failures are not logged",
			"incident", id, "error", err)
	}
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
