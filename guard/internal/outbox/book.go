package outbox

import (
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/store"
)

// News is a new event.
type News struct {
	Incident string
	First    bool // the first event of the incident
	Folder   bool // the incident has a folder
	// Event is the part that is stored. The book sets its Sequence.
	Event store.DeliveryEvent
	// Payload is passed to the sinks.
	Payload any
}

// Offer is an event for delivery to a sink.
type Offer struct {
	Incident string
	Event    store.DeliveryEvent
	// Payload is passed to the sink.
	Payload any
}

// Restore returns the payload of an event that was read from disk, or nil if the event can
// no longer be delivered.
type Restore func(e store.DeliveryEvent) any

// Book records the events, and which sinks have accepted or refused them. It is a data
// structure that uses neither clock nor disk.
type Book struct {
	sinks   []string
	disk    bool
	most    int // events in memory
	ledgers map[string]*ledger
	lanes   []lane
	turn    uint64
	dropped int
}

// lane is the queue of one sink.
type lane struct {
	fresh []ref
	// backlog are the incidents whose events are on disk, newest first.
	backlog []string
	// after is the highest sequence that was offered, by incident.
	after map[string]int
	busy  bool   // an event is being delivered
	at    string // its incident
}

type ref struct {
	incident string
	sequence int
}

// ledger is the state of one incident in memory.
type ledger struct {
	delivery store.Delivery
	payloads map[int]any
	restore  Restore
	// arrivals are new events that get their sequence when the incident has been read.
	arrivals []arrival
	unread   bool // the incident must be read from disk first
	version  int  // counts changes
	saved    int  // the version on disk
	failed   int  // the version that could not be written
	homeless bool // the incident has no folder, so nothing can be written
	lost     bool // delivery.json could not be read, so it must not be overwritten
	touched  uint64
}

type arrival struct {
	event   store.DeliveryEvent
	payload any
}

// NewBook returns an empty book for the sinks. disk says whether events are stored on disk.
// most is the number of events held in memory.
func NewBook(sinks []string, disk bool, most int) *Book {
	b := &Book{sinks: sinks, disk: disk, most: most, ledgers: make(map[string]*ledger)}
	for range sinks {
		b.lanes = append(b.lanes, lane{after: make(map[string]int)})
	}
	return b
}

// Post adds a new event.
func (b *Book) Post(n News) {
	l := b.ledgers[n.Incident]
	if l == nil {
		l = &ledger{payloads: make(map[int]any), unread: b.disk && !n.First, homeless: n.First}
		b.ledgers[n.Incident] = l
	}
	b.touch(l)
	l.homeless = l.homeless && !n.Folder
	if l.unread {
		l.arrivals = append(l.arrivals, arrival{n.Event, n.Payload})
	} else {
		b.number(n.Incident, l, arrival{n.Event, n.Payload})
	}
	b.forget(n.Incident)
}

// number gives an event its sequence and queues it.
func (b *Book) number(incident string, l *ledger, a arrival) {
	a.event.Sequence = l.delivery.Last() + 1
	l.delivery.Add(a.event)
	l.payloads[a.event.Sequence] = a.payload
	l.version++
	for i := range b.lanes {
		// An incident in the backlog is delivered in order from there.
		if s := &b.lanes[i]; !slices.Contains(s.backlog, incident) {
			s.fresh = append(s.fresh, ref{incident, a.event.Sequence})
		}
	}
	for len(l.delivery.Events) > mostEvents {
		b.cut(incident, l, l.delivery.Events[1].Sequence)
	}
}

// mostEvents is the most events kept of one incident: the first and the newest.
const mostEvents = 64

// cut removes an event from an incident that has too many.
func (b *Book) cut(incident string, l *ledger, sequence int) {
	l.delivery.Events = slices.DeleteFunc(l.delivery.Events, func(e store.DeliveryEvent) bool { return e.Sequence == sequence })
	for sink, list := range l.delivery.Sinks {
		l.delivery.Sinks[sink] = slices.DeleteFunc(list, func(a store.Accepted) bool { return a.Sequence == sequence })
	}
	delete(l.payloads, sequence)
	for i := range b.lanes {
		s := &b.lanes[i]
		had := len(s.fresh)
		s.fresh = slices.DeleteFunc(s.fresh, func(r ref) bool { return r == ref{incident, sequence} })
		b.dropped += had - len(s.fresh)
	}
}

// Backlog adds incidents of earlier processes, whose events are offered to the sinks that
// have not accepted them.
func (b *Book) Backlog(incidents ...string) {
	for i := range b.lanes {
		for _, id := range incidents {
			b.lanes[i].later(id)
		}
	}
}

// mostBacklog bounds the incidents that wait for a sink. The others are on disk, and are
// offered after the next start.
const mostBacklog = 1000

// later adds an incident to the backlog, the newest first.
func (s *lane) later(incident string) {
	at, found := slices.BinarySearchFunc(s.backlog, incident, func(a, b string) int { return strings.Compare(b, a) })
	if !found {
		s.backlog = slices.Insert(s.backlog, at, incident)
		s.backlog = s.backlog[:min(len(s.backlog), mostBacklog)]
	}
}

// Next returns the next event for a sink, if there is one. The sink is then busy until
// [Book.Done].
func (b *Book) Next(sink int) (o Offer, ok bool) {
	s := &b.lanes[sink]
	if s.busy {
		return Offer{}, false
	}
	for len(s.fresh) > 0 {
		r := s.fresh[0]
		s.fresh = s.fresh[1:]
		l := b.ledgers[r.incident]
		if at := slices.IndexFunc(l.delivery.Events, func(e store.DeliveryEvent) bool { return e.Sequence == r.sequence }); at >= 0 {
			if o, ok = b.offer(s, r.incident, l, l.delivery.Events[at]); ok {
				return o, true
			}
		}
		b.dropped++
	}
	for len(s.backlog) > 0 {
		id := s.backlog[0]
		l := b.ledgers[id]
		if l == nil || l.unread {
			return Offer{}, false // see Unread
		}
		for _, e := range l.delivery.Events {
			if e.Sequence <= s.after[id] || l.delivery.Accepts(b.sinks[sink], e.Sequence) {
				continue
			}
			if o, ok = b.offer(s, id, l, e); ok {
				return o, true
			}
		}
		s.backlog = s.backlog[1:]
		b.settle(id)
	}
	return Offer{}, false
}

func (b *Book) offer(s *lane, incident string, l *ledger, e store.DeliveryEvent) (o Offer, ok bool) {
	s.after[incident] = e.Sequence
	payload := l.payloads[e.Sequence]
	if payload == nil && l.restore != nil {
		payload = l.restore(e)
	}
	if payload == nil {
		return Offer{}, false
	}
	s.busy, s.at = true, incident
	b.touch(l)
	return Offer{Incident: incident, Event: e, Payload: payload}, true
}

// Done records the end of a delivery.
func (b *Book) Done(sink int, o Offer, accepted bool, at time.Time) {
	b.lanes[sink].busy = false
	if l := b.ledgers[o.Incident]; accepted && l != nil {
		l.delivery.Accept(b.sinks[sink], store.Accepted{Sequence: o.Event.Sequence, Event: o.Event.Event, Time: at})
		l.version++
	}
	b.settle(o.Incident)
}

// Busy reports whether a delivery to a sink is running.
func (b *Book) Busy(sink int) bool { return b.lanes[sink].busy }

// settled reports whether there is nothing to deliver, read or write.
func (b *Book) settled() bool {
	_, _, _, unsaved := b.Unsaved()
	_, unread := b.Unread()
	return !unsaved && !unread && !slices.ContainsFunc(b.lanes, func(s lane) bool { return s.busy || len(s.fresh) > 0 || len(s.backlog) > 0 })
}

// Dropped returns the number of events dropped since the last call, counted per sink.
func (b *Book) Dropped() (n int) {
	n, b.dropped = b.dropped, 0
	return n
}
