package outbox

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// News is an event that is new.
type News struct {
	Incident string
	First    bool // of its incident
	Folder   bool // the incident has a folder
	// Event is what is kept of it. Its Sequence is set by the book.
	Event profile.DeliveryEvent
	// Payload is what the sinks are told.
	Payload any
}

// Offer is an event that a sink is to be offered.
type Offer struct {
	Incident string
	Event    profile.DeliveryEvent
	// Payload is what the sink is told.
	Payload any
}

// Restore makes the payload of an event that was read from disk; nil if the event
// cannot be told any more.
type Restore func(e profile.DeliveryEvent) any

// Book knows which events there are, and which sink has accepted or refused which. It
// is a pure data structure: it touches neither clock nor disk.
type Book struct {
	sinks   []string
	disk    bool
	most    int // events in memory
	ledgers map[string]*ledger
	lanes   []lane
	turn    uint64
	dropped int
}

// lane is what waits for one sink.
type lane struct {
	fresh []ref
	// backlog are the incidents whose events are to be read from disk, the newest
	// first.
	backlog []string
	// after is, by incident, the highest sequence that was offered.
	after map[string]int
	busy  bool   // an event is being delivered
	at    string // its incident
}

type ref struct {
	incident string
	sequence int
}

// ledger is what is known in memory of one incident.
type ledger struct {
	delivery profile.Delivery
	payloads map[int]any
	restore  Restore
	// arrivals wait for their sequence until the incident has been read.
	arrivals []arrival
	unread   bool
	version  int  // counts changes
	saved    int  // the version on disk
	failed   int  // the version that could not be written
	homeless bool // it has no folder, so nothing can be written
	touched  uint64
}

type arrival struct {
	event   profile.DeliveryEvent
	payload any
}

// NewBook returns an empty book for sinks of these names. disk says whether events
// can be read back, and most is how many of them are held in memory.
func NewBook(sinks []string, disk bool, most int) *Book {
	b := &Book{sinks: sinks, disk: disk, most: most, ledgers: make(map[string]*ledger)}
	for range sinks {
		b.lanes = append(b.lanes, lane{after: make(map[string]int)})
	}
	return b
}

// Post books a new event.
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
	l.delivery.Events = firstAndNewest(l.delivery.Events)
	l.payloads[a.event.Sequence] = a.payload
	l.version++
	for i := range b.lanes {
		// What is in the backlog goes in order, from there.
		if s := &b.lanes[i]; !slices.Contains(s.backlog, incident) {
			s.fresh = append(s.fresh, ref{incident, a.event.Sequence})
		}
	}
}

// mostEvents is how many events of one incident are kept: the first and the newest.
const mostEvents = 64

func firstAndNewest(list []profile.DeliveryEvent) []profile.DeliveryEvent {
	if len(list) <= mostEvents {
		return list
	}
	return slices.Delete(list, 1, len(list)-mostEvents+1)
}

// Backlog adds incidents of earlier processes, for the sinks to be offered what they
// have not accepted of them.
func (b *Book) Backlog(incidents ...string) {
	for i := range b.lanes {
		for _, id := range incidents {
			b.lanes[i].later(id)
		}
	}
}

// later puts an incident into the backlog.
func (s *lane) later(incident string) {
	at, found := slices.BinarySearchFunc(s.backlog, incident, func(a, b string) int { return strings.Compare(b, a) })
	if !found {
		s.backlog = slices.Insert(s.backlog, at, incident)
	}
}

// Next returns the event that a sink is to be offered now, if there is one. The sink
// is then busy until [Book.Done].
func (b *Book) Next(sink int) (o Offer, ok bool) {
	s := &b.lanes[sink]
	if s.busy {
		return Offer{}, false
	}
	for len(s.fresh) > 0 {
		r := s.fresh[0]
		s.fresh = s.fresh[1:]
		l := b.ledgers[r.incident]
		if at := slices.IndexFunc(l.delivery.Events, func(e profile.DeliveryEvent) bool { return e.Sequence == r.sequence }); at >= 0 {
			if o, ok = b.offer(s, r.incident, l, l.delivery.Events[at]); ok {
				return o, true
			}
		}
		b.dropped++ // between the first and the newest
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

func (b *Book) offer(s *lane, incident string, l *ledger, e profile.DeliveryEvent) (o Offer, ok bool) {
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

// Done books the end of a delivery.
func (b *Book) Done(sink int, o Offer, accepted bool, at time.Time) {
	b.lanes[sink].busy = false
	if l := b.ledgers[o.Incident]; accepted && l != nil {
		l.delivery.Accept(b.sinks[sink], profile.Accepted{Sequence: o.Event.Sequence, Event: o.Event.Event, Time: at})
		l.version++
	}
	b.settle(o.Incident)
}

// Busy reports whether a sink is being offered an event.
func (b *Book) Busy(sink int) bool { return b.lanes[sink].busy }

// Unread returns an incident that is to be read from disk now, for [Book.Read].
func (b *Book) Unread() (incident string, ok bool) {
	for id, l := range b.ledgers {
		if l.unread {
			return id, true
		}
	}
	for i := range b.lanes {
		s := &b.lanes[i]
		if !s.busy && len(s.fresh) == 0 && len(s.backlog) > 0 && b.ledgers[s.backlog[0]] == nil {
			return s.backlog[0], true
		}
	}
	return "", false
}

// Read books what an incident's delivery.json has, or that it could not be read. Then
// nothing of it is offered before the next start but what is posted anew.
func (b *Book) Read(incident string, d profile.Delivery, restore Restore, err error) {
	l := b.ledgers[incident]
	if err != nil {
		last := 0
		for i := range b.lanes {
			s := &b.lanes[i]
			last = max(last, s.after[incident])
			s.backlog = slices.DeleteFunc(s.backlog, func(id string) bool { return id == incident })
		}
		if l == nil {
			b.settle(incident)
			return
		}
		// No number is given twice, as far as this process knows.
		d = profile.Delivery{}
		if last > 0 {
			d.Events = append(d.Events, profile.DeliveryEvent{Sequence: last, Event: "unknown"})
		}
		restore = nil
	}
	if l == nil {
		l = &ledger{payloads: make(map[int]any)}
		b.ledgers[incident] = l
	}
	l.delivery, l.restore, l.unread = d, restore, false
	arrivals := l.arrivals
	l.arrivals = nil
	for _, a := range arrivals {
		b.number(incident, l, a)
	}
	b.touch(l)
	b.forget(incident)
}

// Unsaved returns what is to be written to disk now, for [Book.Saved].
func (b *Book) Unsaved() (incident string, d profile.Delivery, version int, ok bool) {
	if !b.disk {
		return "", profile.Delivery{}, 0, false
	}
	for id, l := range b.ledgers {
		if l.version > max(l.saved, l.failed) && !l.homeless {
			return id, clone(l.delivery), l.version, true
		}
	}
	return "", profile.Delivery{}, 0, false
}

func clone(d profile.Delivery) profile.Delivery {
	c := profile.Delivery{Events: slices.Clone(d.Events), Sinks: make(map[string][]profile.Accepted, len(d.Sinks))}
	for sink, list := range d.Sinks {
		c.Sinks[sink] = slices.Clone(list)
	}
	return c
}

// Saved books that a version was written, or not. An incident without a folder waits
// for [Book.HasFolder]; after another error the next change is tried again.
func (b *Book) Saved(incident string, version int, err error) {
	l := b.ledgers[incident]
	switch {
	case l == nil:
	case err == nil:
		l.saved = version
	case errors.Is(err, fs.ErrNotExist):
		l.homeless = version == l.version // else it may have a folder by now
	default:
		l.failed = version
	}
}

// HasFolder says that an incident has a folder now.
func (b *Book) HasFolder(incident string) {
	if l := b.ledgers[incident]; l != nil {
		l.homeless = false
		l.version++
	}
}

// settled reports whether there is nothing to offer, to read or to write.
func (b *Book) settled() bool {
	_, _, _, unsaved := b.Unsaved()
	_, unread := b.Unread()
	return !unsaved && !unread && !slices.ContainsFunc(b.lanes, func(s lane) bool { return s.busy || len(s.fresh) > 0 || len(s.backlog) > 0 })
}

// Dropped returns how many events were dropped since the last call, counted once per
// sink.
func (b *Book) Dropped() (n int) {
	n, b.dropped = b.dropped, 0
	return n
}

func (b *Book) touch(l *ledger) {
	b.turn++
	l.touched = b.turn
}

// waiting reports whether a sink has still to be offered something of an incident,
// or is being offered it.
func (b *Book) waiting(incident string) (waits, busy bool) {
	for i := range b.lanes {
		s := &b.lanes[i]
		busy = busy || s.busy && s.at == incident
		waits = waits || slices.Contains(s.backlog, incident) ||
			slices.ContainsFunc(s.fresh, func(r ref) bool { return r.incident == incident })
	}
	return waits, busy
}

// settle lets go of the payloads of an incident that no sink waits for.
func (b *Book) settle(incident string) {
	waits, busy := b.waiting(incident)
	if waits || busy {
		return
	}
	if l := b.ledgers[incident]; l != nil {
		clear(l.payloads)
		return
	}
	for i := range b.lanes {
		delete(b.lanes[i].after, incident)
	}
}

// allowance is how many events may be in memory beyond the bound until the clerk has
// written them.
const allowance = 8 * mostEvents

// forget makes room in memory, at the expense of the incident that was not touched
// for longest: first of those that no sink waits for, then of those that are on disk
// and can be read again, and last of the others, whose events are dropped. It spares
// the given one, and those that are about to be written or offered.
func (b *Book) forget(spare string) {
	for held := b.held(); held > b.most; held = b.held() {
		const (
			settled = iota
			onDisk
			lost
			never
		)
		victim, class := "", never
		for id, l := range b.ledgers {
			waits, busy := b.waiting(id)
			saved := b.disk && !l.unread && l.saved == l.version
			stuck := !b.disk || l.homeless || l.failed == l.version || held > b.most+allowance
			c := lost
			switch {
			case busy || id == spare || b.due(id) || !saved && !stuck:
				continue
			case !waits && !l.unread:
				c = settled
			case saved:
				c = onDisk
			}
			if c < class || c == class && l.touched < b.ledgers[victim].touched {
				victim, class = id, c
			}
		}
		if class == never {
			return
		}
		b.unload(victim, class == lost)
	}
}

// due reports whether an incident is the next in a sink's backlog.
func (b *Book) due(incident string) bool {
	return slices.ContainsFunc(b.lanes, func(s lane) bool { return len(s.backlog) > 0 && s.backlog[0] == incident })
}

// unload removes an incident from memory.
func (b *Book) unload(incident string, lost bool) {
	for i := range b.lanes {
		s := &b.lanes[i]
		var gone []ref
		s.fresh = slices.DeleteFunc(s.fresh, func(r ref) bool {
			if r.incident == incident {
				gone = append(gone, r)
			}
			return r.incident == incident
		})
		switch {
		case lost:
			b.dropped += len(gone) + len(b.ledgers[incident].arrivals)
		case len(gone) > 0:
			s.later(incident)
			s.after[incident] = gone[0].sequence - 1 // what was refused before stays so
		}
	}
	delete(b.ledgers, incident)
	b.settle(incident)
}

func (b *Book) held() (n int) {
	for _, l := range b.ledgers {
		n += max(len(l.delivery.Events)+len(l.arrivals), 1)
	}
	return n
}
