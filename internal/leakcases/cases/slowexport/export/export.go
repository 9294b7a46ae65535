// Package export ships events to a warehouse.
package export

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// event is one row of the warehouse.
type event struct {
	Kind, Key string
	At        time.Time
	Row       []byte
}

// Exporter has a queue in front of a slow writer.
type Exporter struct {
	queue chan *event
	w     *json.Encoder
}

// New returns an exporter.
func New() *Exporter {
	return &Exporter{queue: make(chan *event, 1<<20), w: json.NewEncoder(io.Discard)}
}

// Enqueue adds an event.
func (x *Exporter) Enqueue(kind, key string) {
	row := make([]byte, 4<<10)
	copy(row, key)
	x.queue <- &event{Kind: kind, Key: key, At: time.Now(), Row: row}
}

// Run writes until ctx is done. The warehouse takes ten rows a second.
func (x *Exporter) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-x.queue:
			x.w.Encode(e)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// Drop throws away what is queued.
func (x *Exporter) Drop() {
	for {
		select {
		case <-x.queue:
		default:
			return
		}
	}
}
