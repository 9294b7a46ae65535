package link

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// Link is the way to the server of one client.
type Link struct {
	main *sentry.Client
	// preparer has the main client's options and event processors, and a transport that
	// keeps what it prepares.
	preparer *sentry.Client
	kept     *keptEvent
	http     *http.Client
	own      bool // http has a transport that nobody else uses
	dsn      *sentry.Dsn
	custom   bool // ClientOptions.Transport is the user's own
	backoff  []time.Duration

	mu     sync.Mutex
	paused time.Time // until when the server has asked us to wait
}

func newLink(client *sentry.Client) (*Link, error) {
	o := client.Options()
	l := &Link{main: client, kept: new(keptEvent)}
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
	if sdk.Prepares {
		// The integrations have been set up with the main client.
		o.Integrations = func([]sentry.Integration) []sentry.Integration { return nil }
	}
	if l.preparer, err = sentry.NewClient(o); err != nil {
		return nil, fmt.Errorf("a client of the same options: %w", err)
	}
	if sdk.Prepares {
		l.preparer.AddEventProcessor(func(event *sentry.Event, hint *sentry.EventHint) *sentry.Event {
			return sdk.Prepare(client, event, hint)
		})
	}
	// It prepares events, and has no use for its goroutines.
	sdk.Close(l.preparer)
	return l, nil
}

// Off reports whether the SDK is switched off, so that nothing can be sent.
func (l *Link) Off() bool { return !l.custom && l.dsn == nil }

// Custom reports whether the client's transport is the user's own. Such a transport takes
// attachments only together with their event.
func (l *Link) Custom() bool { return l.custom }

// Idle closes idle connections. The SDK's kind of http.Transport keeps them for ever, and
// nobody else would close them.
func (l *Link) Idle() {
	if l.own {
		l.http.CloseIdleConnections()
	}
}

// Send delivers an event with a scope. It reports false if the user's hooks drop it.
func (l *Link) Send(ctx context.Context, event *sentry.Event, scope *sentry.Scope) (wanted bool, err error) {
	if l.custom {
		return handOver(ctx, l.main, event, scope)
	}
	prepared := l.kept.prepare(l.preparer, event, scope)
	if prepared == nil {
		return false, nil
	}
	body, err := l.eventEnvelope(prepared)
	if err != nil {
		return true, err
	}
	return true, l.deliver(ctx, body, "")
}

// Attach delivers an attachment of an event that was sent before; the folder is where it
// is on this machine. The link must not be Custom. An error is a [*RefusedError], a
// [*LeftOutError], or says that the server cannot be reached.
func (l *Link) Attach(ctx context.Context, id sentry.EventID, a *sentry.Attachment, folder string) error {
	return l.deliver(ctx, l.attachmentEnvelope(id, a), folder)
}
