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

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
)

const (
	maxDeliveryBytes = 1 << 20
	maxDeliveries    = 64 // events per sink, and sinks per incident
)

// Delivery is what each sink has accepted of an incident, as stored in its
// delivery.json.
type Delivery struct {
	// Sinks maps the name of a sink to its events, in the order of acceptance.
	Sinks map[string][]Accepted `json:"sinks"`
}

// Accepted is one event that a sink has accepted.
type Accepted struct {
	Event string    `json:"event"` // the event's kind, such as 'captured'
	Time  time.Time `json:"time"`
}

// Has reports whether the sink has accepted the event.
func (d Delivery) Has(sink, event string) bool {
	return slices.ContainsFunc(d.Sinks[sink], func(a Accepted) bool { return a.Event == event })
}

// Delivery returns what the sinks have accepted of an incident; the zero
// Delivery if nothing.
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

// RecordDelivery records that the sink has accepted the event. Only the first
// call for an event counts. It syncs, so that a delivered incident is not
// offered again after a power cut. If two processes record deliveries of one
// incident at the same moment, one record may be lost, and its event is offered
// once more.
func (s *Store) RecordDelivery(id, sink, event string, at time.Time) error {
	s.records.Lock()
	defer s.records.Unlock()
	dir, err := s.incidentDir(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := record(dir, s.tempName(), sink, event, at); err != nil {
		return fmt.Errorf("store: incident %s: record delivery to %s: %w", id, sink, err)
	}
	return nil
}

func record(dir *os.Root, temp, sink, event string, at time.Time) error {
	if len(sink) < 1 || len(sink) > 64 || len(event) < 1 || len(event) > 64 {
		return errors.New("want names of 1 to 64 bytes for sink and event")
	}
	// Replace a file that cannot be read: a repeated delivery is better than
	// never recording again.
	d, _ := readDelivery(dir)
	if d.Has(sink, event) {
		return nil
	}
	if d.Sinks == nil {
		d.Sinks = make(map[string][]Accepted)
	}
	if _, known := d.Sinks[sink]; !known && len(d.Sinks) >= maxDeliveries || len(d.Sinks[sink]) >= maxDeliveries {
		return fmt.Errorf("there are %d already", maxDeliveries)
	}
	d.Sinks[sink] = append(d.Sinks[sink], Accepted{Event: event, Time: at.UTC()})
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return confined.WriteBytes(dir, temp, layout.DeliveryName, data)
}

func readDelivery(dir *os.Root) (Delivery, error) {
	f, err := confined.OpenRegular(dir, layout.DeliveryName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Delivery{}, nil
	}
	if err != nil {
		return Delivery{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDeliveryBytes))
	if err != nil {
		return Delivery{}, err
	}
	var d Delivery
	if err := json.Unmarshal(data, &d); err != nil {
		return Delivery{}, fmt.Errorf("parse %s: %w", layout.DeliveryName, err)
	}
	return d, nil
}
