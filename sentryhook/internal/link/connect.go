package link

import (
	"errors"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

// Connector connects to the server of a hub's client.
type Connector struct {
	hub *sentry.Hub // nil: the current one
	// Backoff is how long to wait before each further attempt to deliver. It must not
	// change once the connector is in use.
	Backoff []time.Duration

	mu      sync.Mutex
	current *Link
}

// NewConnector returns a connector that uses the hub's client, nil for the current hub at
// the time of connecting. It tries three times to deliver.
func NewConnector(hub *sentry.Hub) *Connector {
	return &Connector{hub: hub, Backoff: []time.Duration{time.Second, 4 * time.Second}}
}

// errNoClient says that the SDK has not been initialised.
var errNoClient = errors.New("the hub has no client: call sentry.Init or bind one")

// Connect returns the link of the hub's current client.
func (c *Connector) Connect() (*Link, error) {
	hub := c.hub
	if hub == nil {
		hub = sentry.CurrentHub()
	}
	client := hub.Client()
	if client == nil {
		return nil, errNoClient
	}
	// Newer releases have a client that does nothing instead of nil.
	if e, ok := any(client).(interface{ IsEnabled() bool }); ok && !e.IsEnabled() {
		return nil, errNoClient
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.main != client {
		l, err := newLink(client)
		if err != nil {
			return nil, err
		}
		l.backoff = c.Backoff
		c.current = l
	}
	return c.current, nil
}
