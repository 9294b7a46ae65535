// Package feed streams results to those who listen.
package feed

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// Feed is a publisher and its subscribers.
type Feed struct {
	bus  *gochannel.GoChannel
	base context.Context
	seen atomic.Int64
}

// New returns a feed that lives until ctx ends.
func New(ctx context.Context) *Feed {
	bus := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 64}, watermill.NopLogger{})
	return &Feed{bus: bus, base: ctx}
}

// Publish sends a result to the listeners of a service.
func (f *Feed) Publish(service string, payload []byte) error {
	return f.bus.Publish("result."+service, message.NewMessage(watermill.NewUUID(), payload))
}

// ListenResult streams the results of a service until the listener goes.
func (f *Feed) ListenResult(w http.ResponseWriter, r *http.Request) {
	results, err := f.bus.Subscribe(f.base, "result."+r.PathValue("service"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	out := bufio.NewWriterSize(w, 1<<10)
	flush := http.NewResponseController(w)
	fmt.Fprintln(out, ": listening")
	out.Flush()
	flush.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case m := <-results:
			fmt.Fprintf(out, "data: %s\n\n", m.Payload)
			m.Ack()
			f.seen.Add(1)
			out.Flush()
			flush.Flush()
		}
	}
}
