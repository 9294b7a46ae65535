package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// The bounds of a delivery.json. They hold while it is decoded, too.
const (
	maxDeliveryBytes  = 1 << 20
	maxDeliveryEvents = 64 // per incident
	maxDeliverySinks  = 64 // per incident
	maxSequence       = 1_000_000_000
	maxDeliveryName   = 64 // bytes of a sink's name or an event's kind
)

// Delivery is what there is to tell about an incident, and what each sink has
// accepted of it. It is kept in the incident's delivery.json.
type Delivery struct {
	// Events are what happened, by ascending sequence: the first and the newest,
	// 64 at most. A file written before events had a sequence has none.
	Events []DeliveryEvent `json:"events"`
	// Sinks has, by the sink's name, the events in the order of acceptance.
	Sinks map[string][]Accepted `json:"sinks"`
}

// DeliveryEvent is one event as it is kept. What else an event says is in the
// incident's manifest.
type DeliveryEvent struct {
	Sequence int       `json:"sequence"` // counts from 1 within the incident
	Event    string    `json:"event"`    // the event's kind, such as 'captured'
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason,omitempty"`
	// NotCaptured says why no evidence was taken, and Evidence is the ID of the
	// incident whose evidence is used instead. The manifest has neither.
	NotCaptured string `json:"not_captured,omitempty"`
	Evidence    string `json:"evidence,omitempty"`
	// Derived says that the event was not recorded: the manifest implies it. Not stored.
	Derived bool `json:"-"`
}

// Accepted is one event that a sink has accepted.
type Accepted struct {
	// Sequence is that of the event. Zero: the file is older than sequences, and
	// all events of that kind were accepted.
	Sequence int       `json:"sequence,omitempty"`
	Event    string    `json:"event"` // the event's kind, such as 'captured'
	Time     time.Time `json:"time"`
}

// Has reports whether the sink has accepted an event of that kind.
func (d Delivery) Has(sink, event string) bool {
	return slices.ContainsFunc(d.Sinks[sink], func(a Accepted) bool { return a.Event == event })
}

// Accepts reports whether the sink has accepted that very event.
func (d Delivery) Accepts(sink string, sequence int) bool {
	return slices.ContainsFunc(d.Sinks[sink], func(a Accepted) bool { return a.Sequence == sequence })
}

// Last returns the highest sequence; 0 if there are no events.
func (d Delivery) Last() (sequence int) {
	for _, e := range d.Events {
		sequence = max(sequence, e.Sequence)
	}
	return sequence
}

// Add adds an event unless one of its sequence is there.
func (d *Delivery) Add(e DeliveryEvent) {
	at, found := slices.BinarySearchFunc(d.Events, e.Sequence, func(e DeliveryEvent, sequence int) int { return e.Sequence - sequence })
	if !found {
		d.Events = slices.Insert(d.Events, at, e)
	}
}

// Accept notes that the sink has accepted an event, once: the first time stays.
func (d *Delivery) Accept(sink string, a Accepted) {
	if d.Accepts(sink, a.Sequence) {
		return
	}
	if d.Sinks == nil {
		d.Sinks = make(map[string][]Accepted)
	}
	d.Sinks[sink] = append(d.Sinks[sink], a)
}

// Delivery returns what is kept in an incident's delivery.json; the zero Delivery
// if there is no such file.
func (s *Store) Delivery(id string) (Delivery, error) {
	dir, err := s.incidentDir(id)
	if err != nil {
		return Delivery{}, err
	}
	defer dir.Close()
	d, err := readDelivery(dir)
	if err != nil {
		return Delivery{}, fmt.Errorf("store: incident %s: %w", id, err)
	}
	return d, nil
}

// RecordDelivery changes an incident's delivery.json. A file that cannot be read is
// replaced: telling twice is better than never recording again. It cuts lists and
// texts to their bounds and syncs, so that a power cut does not make an event be
// delivered again. If two processes record at the same moment, one of the two
// changes may be lost, and its event is offered once more.
func (s *Store) RecordDelivery(id string, change func(*Delivery)) error {
	s.records.Lock()
	defer s.records.Unlock()
	dir, err := s.incidentDir(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	d, _ := readDelivery(dir)
	change(&d)
	data, err := d.encode()
	if err == nil {
		err = confined.WriteBytes(dir, s.tempName(), layout.DeliveryName, data)
	}
	if err != nil {
		return fmt.Errorf("store: incident %s: record delivery: %w", id, err)
	}
	return nil
}

// encode gives the delivery as JSON, within its bounds.
func (d Delivery) encode() ([]byte, error) {
	if len(d.Sinks) > maxDeliverySinks {
		return nil, fmt.Errorf("%d sinks: want at most %d", len(d.Sinks), maxDeliverySinks)
	}
	kept := Delivery{Events: bounded.FirstAndNewest(d.Events, maxDeliveryEvents), Sinks: make(map[string][]Accepted, len(d.Sinks))}
	for i := range kept.Events {
		e := &kept.Events[i]
		if !validDeliveryName(e.Event) || e.Sequence < 1 {
			return nil, fmt.Errorf("event %d of kind %.100q: want a sequence of at least 1 and a kind of 1 to %d bytes", e.Sequence, e.Event, maxDeliveryName)
		}
		e.Time = e.Time.UTC()
		e.Reason, e.NotCaptured, e.Evidence = bounded.Text(e.Reason), bounded.Text(e.NotCaptured), bounded.Text(e.Evidence)
	}
	for sink, list := range d.Sinks {
		if !validDeliveryName(sink) {
			return nil, fmt.Errorf("sink %.100q: want a name of 1 to %d bytes", sink, maxDeliveryName)
		}
		for _, a := range list {
			// What is no event any more cannot be offered again either.
			if a.Sequence == 0 || slices.ContainsFunc(kept.Events, func(e DeliveryEvent) bool { return e.Sequence == a.Sequence }) {
				kept.Sinks[sink] = append(kept.Sinks[sink], Accepted{Sequence: a.Sequence, Event: a.Event, Time: a.Time.UTC()})
			}
		}
	}
	data, err := json.MarshalIndent(kept, "", " ")
	if err == nil && len(data) > maxDeliveryBytes {
		err = fmt.Errorf("%v are more than the %v that can be read back", profile.Bytes(len(data)), profile.Bytes(maxDeliveryBytes))
	}
	return data, err
}

func validDeliveryName(name string) bool { return len(name) >= 1 && len(name) <= maxDeliveryName }

func readDelivery(dir *os.Root) (Delivery, error) {
	f, err := confined.OpenRegular(dir, layout.DeliveryName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Delivery{}, nil
	}
	if err != nil {
		return Delivery{}, err
	}
	defer f.Close()
	d, err := decodeDelivery(f)
	if err != nil {
		return Delivery{}, fmt.Errorf("parse %s: %w", layout.DeliveryName, err)
	}
	return d, nil
}

// decodeDelivery reads a delivery.json, one element of a list at a time: what a file
// of 1 MiB decodes to may be a hundred times as much.
func decodeDelivery(r io.Reader) (d Delivery, err error) {
	dec := json.NewDecoder(io.LimitReader(r, maxDeliveryBytes))
	err = bounded.Object(dec, func(key string) error {
		switch key {
		case "events":
			// A field may occur again, so what counts is what there is already.
			return bounded.List(dec, maxDeliveryEvents-len(d.Events), func() error {
				var e DeliveryEvent
				if err := dec.Decode(&e); err != nil {
					return err
				}
				if !validDeliveryName(e.Event) || e.Sequence <= d.Last() || e.Sequence > maxSequence || layout.ValidStamp(e.Time) != nil {
					return fmt.Errorf("event %d of kind %.100q is not one of this library's", e.Sequence, e.Event)
				}
				e.Reason, e.NotCaptured, e.Evidence = bounded.Text(e.Reason), bounded.Text(e.NotCaptured), bounded.Text(e.Evidence)
				d.Events = append(d.Events, e)
				return nil
			})
		case "sinks":
			return bounded.Object(dec, func(sink string) error { return d.decodeSink(dec, sink) })
		default: // of a later version
			return dec.Decode(new(json.RawMessage))
		}
	})
	if err != nil {
		return Delivery{}, err
	}
	return d, nil
}

func (d *Delivery) decodeSink(dec *json.Decoder, sink string) error {
	if !validDeliveryName(sink) {
		return fmt.Errorf("a sink's name of %d bytes: want 1 to %d", len(sink), maxDeliveryName)
	}
	if len(d.Sinks) >= maxDeliverySinks {
		return fmt.Errorf("more than %d sinks", maxDeliverySinks)
	}
	var list []Accepted
	err := bounded.List(dec, maxDeliveryEvents, func() error {
		var a Accepted
		if err := dec.Decode(&a); err != nil {
			return err
		}
		if !validDeliveryName(a.Event) || a.Sequence < 0 || layout.ValidStamp(a.Time) != nil {
			return fmt.Errorf("accepted event %d of kind %.100q is not one of this library's", a.Sequence, a.Event)
		}
		list = append(list, a)
		return nil
	})
	if d.Sinks == nil {
		d.Sinks = make(map[string][]Accepted)
	}
	d.Sinks[sink] = list
	return err
}
