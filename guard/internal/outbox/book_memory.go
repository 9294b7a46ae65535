package outbox

import "slices"

func (b *Book) touch(l *ledger) {
	b.turn++
	l.touched = b.turn
}

// waiting reports whether events of an incident are queued for any sink, and whether one is
// being delivered.
func (b *Book) waiting(incident string) (waits, busy bool) {
	for i := range b.lanes {
		s := &b.lanes[i]
		busy = busy || s.busy && s.at == incident
		waits = waits || slices.Contains(s.backlog, incident) ||
			slices.ContainsFunc(s.fresh, func(r ref) bool { return r.incident == incident })
	}
	return waits, busy
}

// settle frees the payloads of an incident that has no events left to deliver.
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

// allowance is how many more events than the bound may be in memory until the clerk has
// written them.
const allowance = 8 * mostEvents

// forget unloads incidents until the bound holds, the least recently used first: first those
// that no sink waits for, then those that are on disk and can be read again, and then the
// others, whose events are dropped. It keeps the incident spare, and those that are about to
// be written or offered.
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
			s.after[incident] = gone[0].sequence - 1 // do not offer refused events again
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
