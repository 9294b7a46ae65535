package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// errNoClient says that the SDK has not been initialised.
var errNoClient = errors.New("the hub has no client: call sentry.Init or bind one")

// link is the way from an event to the server of a client.
type link struct {
	main    *sentry.Client
	options sentry.ClientOptions
	// preparer has the main client's options, and a transport that keeps what it
	// prepares.
	preparer *sentry.Client
	kept     *keptEvent
	http     *http.Client
	own      bool // http has a transport that nobody else uses
	dsn      *sentry.Dsn
	custom   bool // ClientOptions.Transport is the user's own

	mu     sync.Mutex
	paused time.Time // until when the server has asked us to wait
}

// connect returns the link of the hub's current client.
func (s *Sink) connect() (*link, error) {
	hub := s.hub
	if hub == nil {
		hub = sentry.CurrentHub()
	}
	client := hub.Client()
	if client == nil {
		return nil, errNoClient
	}
	// Newer releases have a client that does nothing instead of nil.
	if c, ok := any(client).(interface{ IsEnabled() bool }); ok && !c.IsEnabled() {
		return nil, errNoClient
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil || s.link.main != client {
		l, err := newLink(client)
		if err != nil {
			return nil, err
		}
		s.link = l
	}
	return s.link, nil
}

func newLink(client *sentry.Client) (*link, error) {
	o := client.Options()
	l := &link{main: client, options: o, kept: new(keptEvent)}
	switch o.Transport.(type) {
	case nil, *sentry.HTTPTransport, *sentry.HTTPSyncTransport:
	default:
		l.custom = true
		return l, nil
	}
	if o.Dsn == "" {
		return l, nil
	}
	var err error
	if l.dsn, err = sentry.NewDsn(o.Dsn); err != nil {
		return nil, fmt.Errorf("the client's DSN: %w", err)
	}
	switch {
	case o.HTTPClient != nil:
		l.http = o.HTTPClient
	case o.HTTPTransport != nil:
		l.http = &http.Client{Transport: o.HTTPTransport}
	default:
		l.http, l.own = &http.Client{Transport: sdk.HTTPTransport(&o)}, true
	}
	o.Transport = l.kept
	o.SampleRate = 1
	if l.preparer, err = sentry.NewClient(o); err != nil {
		return nil, fmt.Errorf("a client of the same options: %w", err)
	}
	return l, nil
}

// off reports whether the SDK is switched off.
func (l *link) off() bool { return !l.custom && l.dsn == nil }

// idle closes idle connections. The SDK's kind of http.Transport keeps them for ever,
// and nobody else would close them.
func (l *link) idle() {
	if l.own {
		l.http.CloseIdleConnections()
	}
}

// send delivers an event. It reports false if the user's hooks drop it.
func (s *Sink) send(ctx context.Context, l *link, event *sentry.Event) (wanted bool, err error) {
	scope := s.scope(event.Level)
	if l.custom {
		return handOver(ctx, l.main, event, scope)
	}
	prepared := l.kept.prepare(l.preparer, event, scope)
	if prepared == nil {
		return false, nil
	}
	body, err := eventEnvelope(l, prepared)
	if err != nil {
		return true, err
	}
	return true, s.post(ctx, l, body)
}

// scope returns the hub's scope without what belongs to the request that it was last
// used for.
func (s *Sink) scope(level sentry.Level) *sentry.Scope {
	hub := s.hub
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
