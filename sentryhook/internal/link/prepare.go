package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

// Scope returns the hub's scope without what belongs to the request that it was last
// used for.
func (c *Connector) Scope(level sentry.Level) *sentry.Scope {
	hub := c.hub
	if hub == nil {
		hub = sentry.CurrentHub()
	}
	scope := hub.Scope().Clone()
	scope.ClearBreadcrumbs()
	scope.ClearAttachments()
	scope.SetUser(sentry.User{})
	scope.SetRequest(nil)
	scope.SetSpan(nil)
	scope.SetLevel(level)
	return scope
}

// handOver passes an event to a client whose transport is the user's own.
func handOver(ctx context.Context, c *sentry.Client, event *sentry.Event, scope *sentry.Scope) (wanted bool, err error) {
	if c.CaptureEvent(event, nil, scope) == nil {
		return false, nil
	}
	wait := attemptTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !c.Flush(wait) {
		return true, fmt.Errorf("the client's transport has not sent it within %v", wait)
	}
	return true, nil
}

// keptEvent is a transport that keeps the last event instead of sending it.
type keptEvent struct {
	mu    sync.Mutex
	event *sentry.Event
}

// prepare returns the event as the client would send it, or nil if it would not send
// it.
func (k *keptEvent) prepare(c *sentry.Client, event *sentry.Event, scope *sentry.Scope) *sentry.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.event = nil
	if c.CaptureEvent(event, nil, scope) == nil {
		return nil
	}
	return k.event
}

// The methods that a transport has in one SDK or another. SendEvent is called while
// prepare holds the lock.
func (k *keptEvent) SendEvent(e *sentry.Event)           { k.event = e }
func (*keptEvent) Configure(sentry.ClientOptions)        {}
func (*keptEvent) Flush(time.Duration) bool              { return true }
func (*keptEvent) FlushWithContext(context.Context) bool { return true }
func (*keptEvent) Close()                                {}
