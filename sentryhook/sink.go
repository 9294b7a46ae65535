package sentryhook

import (
	"context"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/sink"
)

// Sink tells Sentry about the incidents of a guard. It implements [guard.Sink].
//
// # What arrives
//
// An incident is one event, however much happens to it. It is sent once its evidence
// is safe and its report has come, or has been waited for (SinkConfig.ReportWait). An
// incident that has no evidence 5 s after it opened is sent without. Each escalation is
// one more event in the same issue. The recovery is an event of level info in an issue
// of its own, so that it does not reopen an issue that somebody has resolved. The death
// of a predecessor is an event, too. Events have no stack trace, threads, breadcrumbs,
// user or request, since those of the scope belong to something else. They do have the
// tags and contexts of the hub's scope.
//
// The evidence follows once the event has been accepted, as attachments. Each file has
// an envelope of its own that names the event, so a file that a proxy or relay refuses
// costs neither the event nor the other files. The order is: the reports (report.txt,
// report.html), goroutine profiles, heap profiles, others. Each is sent whole or not at
// all, within the budgets. What is left out is listed in the event's context
// 'evidence', with the folder where it is. What a [Transport] leaves out on the way, or
// the server refuses as too large, is replaced by a note that names the folder.
//
// # What is known about a delivery
//
// The SDK's own transports do not tell whether a delivery succeeded: they drop events
// if their queue is full, and log the answers of the server. The sink therefore lets
// the SDK prepare an event (BeforeSend, scope, release, integrations) and posts it
// itself with the client's HTTPClient, HTTPTransport or proxy settings, and so also
// through a [Transport] that Configure has set there. Deliver returns nil if the server
// has answered 2xx. Nothing more can be known: Relay may still drop what it has
// accepted, by a filter or quota. Without an answer, and after 408, 429 and 5xx, the
// sink tries three times within the guard's 30 s. If that fails, Deliver returns an
// error, and the guard offers the event again after the next Start. The event then has
// the same ID and does not appear twice; attachments that had been accepted do. An
// attachment that is refused with 400 or 413, or that a [Transport] of the client has left
// out, is counted as such and is not an error, since the same would happen again.
//
// If ClientOptions.Transport is not one of the SDK's own, event and attachments are
// passed to it together, and only whether Flush returned in time is known. With such a
// transport, sentry-go v0.46.0 and v0.46.1 lose attachments (fixed in v0.46.2); what
// the sink posts itself is not affected. An empty DSN switches the SDK off: nothing is
// sent, and that is no error.
//
// Events are exempt from ClientOptions.SampleRate: they are few, and the quotas bound
// them. Everything else that prepares events is run as for any other: the event
// processors of the scope, of integrations and of Client.AddEventProcessor, and BeforeSend.
//
// # What leaves the process
//
//   - What the SDK adds to every event: release, environment, server name, the
//     modules, the scope's tags, contexts and extras.
//   - The incident: rule, reason, values, times; the readings of memory and
//     goroutines; limits and where they were found; the folder's path.
//   - Names of functions, files and lines of the program, in the title, the
//     report and the profiles. No values of variables, no content of memory.
//   - In profiles and reports: pprof labels, with whatever the program puts there,
//     unless SinkConfig.StripLabels is set.
//   - In reports: the identity of the process (service, version, host, pod, pid).
//
// All methods may be called from any goroutine, also on a nil Sink, which sends
// nothing.
type Sink struct{ room *sink.Sink }

var _ guard.Sink = (*Sink)(nil)

// NewSink returns a sink that sends through the hub's client. A nil hub is the current
// one (sentry.CurrentHub) at the time of sending. The client may be bound later. The
// error names every field that is out of range.
func NewSink(hub *sentry.Hub, cfg SinkConfig) (*Sink, error) {
	room, err := sink.New(hub, sink.Config(cfg))
	if err != nil {
		return nil, err
	}
	return &Sink{room}, nil
}

// orNil returns the room, nil for a nil Sink: that one sends nothing either.
func (s *Sink) orNil() *sink.Sink {
	if s == nil {
		return nil
	}
	return s.room
}

// Name returns SinkConfig.Name.
func (s *Sink) Name() string { return s.orNil().Name() }

// Deliver sends to Sentry what an event of the guard calls for; see [Sink]. An incident
// that has just opened is sent later, in the background: with its evidence, or alone
// after 5 s.
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error { return s.orNil().Deliver(ctx, e) }

// Stats returns what has been done so far.
func (s *Sink) Stats() SinkStats { return SinkStats(s.orNil().Stats()) }
