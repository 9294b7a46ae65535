package outbox

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/leakguard/leakguard/internal/store"
)

// Unread returns an incident to be read from disk now, for [Book.Read].
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

// Read sets the content of an incident's delivery.json, or the error from reading it. After
// an error, only events that are newly posted are offered before the next start.
func (b *Book) Read(incident string, d store.Delivery, restore Restore, err error) {
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
		// What was not read must not be overwritten.
		l.lost = true
		// Do not use a sequence again that this process has already offered.
		d = store.Delivery{}
		if last > 0 {
			d.Events = append(d.Events, store.DeliveryEvent{Sequence: last, Event: "unknown"})
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
		if !b.takeOver(incident, l, a) {
			b.number(incident, l, a)
		}
	}
	b.touch(l)
	b.forget(incident)
}

// takeOver books an arrival as the event that was derived from the manifest, if there is
// one of its kind: the manifest may tell of a report before the guard does.
func (b *Book) takeOver(incident string, l *ledger, a arrival) bool {
	for i := range l.delivery.Events {
		e := &l.delivery.Events[i]
		if !e.Derived || e.Event != a.event.Event {
			continue
		}
		a.event.Sequence = e.Sequence
		*e = a.event
		l.payloads[e.Sequence] = a.payload
		l.version++
		for i := range b.lanes {
			if s := &b.lanes[i]; !slices.Contains(s.backlog, incident) {
				s.fresh = append(s.fresh, ref{incident, e.Sequence})
			}
		}
		return true
	}
	return false
}

// Retry lets everything be written again that could not be written.
func (b *Book) Retry() {
	for _, l := range b.ledgers {
		l.failed = 0
	}
}

// Unsaved returns what must be written to disk now, for [Book.Saved].
func (b *Book) Unsaved() (incident string, d store.Delivery, version int, ok bool) {
	if !b.disk {
		return "", store.Delivery{}, 0, false
	}
	for id, l := range b.ledgers {
		if l.version > max(l.saved, l.failed) && !l.homeless && !l.lost {
			return id, clone(l.delivery), l.version, true
		}
	}
	return "", store.Delivery{}, 0, false
}

func clone(d store.Delivery) store.Delivery {
	c := store.Delivery{Events: slices.Clone(d.Events), Sinks: make(map[string][]store.Accepted, len(d.Sinks))}
	for sink, list := range d.Sinks {
		c.Sinks[sink] = slices.Clone(list)
	}
	return c
}

// Saved records that a version was written, or the error. An incident without a folder waits
// for [Book.HasFolder]. After any other error, the next change is written again.
func (b *Book) Saved(incident string, version int, err error) {
	l := b.ledgers[incident]
	switch {
	case l == nil:
	case err == nil:
		l.saved = version
	case errors.Is(err, fs.ErrNotExist):
		l.homeless = version == l.version // after a change it may have a folder
	default:
		l.failed = version
	}
}

// HasFolder records that an incident has a folder now.
func (b *Book) HasFolder(incident string) {
	if l := b.ledgers[incident]; l != nil {
		l.homeless = false
		l.version++
	}
}
