package sentryhook

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
)

// Sink tells Sentry about the incidents of a guard. It implements [guard.Sink].
//
// # What arrives
//
// One event for an incident, however many things happen to it, sent when its
// evidence is safe and the report has been waited for (SinkConfig.ReportWait);
// an incident that has no evidence 5 s after it opened is sent without. One
// more event for each escalation, in the same issue; one for the recovery, of
// level info and in an issue of its own, so that it does not reopen one that
// somebody has resolved; and one for a predecessor's death. Events have no
// stack trace, threads, breadcrumbs, user or request: the scope's would be
// somebody else's. Tags and contexts of the hub's scope are in them.
//
// The evidence follows when the event has been accepted, as attachments in
// envelopes of their own that name the event, one for each file: what a proxy
// or relay refuses never costs the event, nor the other files. First the
// reports (report.txt, report.html), then goroutine profiles, then heap
// profiles, then others, each whole or not at all within the budgets. What is
// left out is listed in the event's context 'evidence', with where it lies.
//
// # What can be known of a delivery
//
// The SDK's own transports say nothing of a delivery: they drop on a full queue,
// and log what a server answers. So the sink has the SDK prepare an event
// (BeforeSend, scope, release, integrations) and posts it itself through the
// client's HTTPClient, HTTPTransport or proxy settings, thus also through a
// [Transport] that Configure set there. Deliver returns nil when the server has
// answered 2xx, and that is all that can be known: Relay may still drop what it
// has accepted, by a filter or quota. No answer, 429 and 5xx are tried
// three times while the guard's 30 s last; what fails then is an error, and the
// guard offers it again after the next Start. It then has the same event ID and
// does not appear twice; attachments that had been accepted do. An attachment
// refused with 400 or 413 is counted, and not an error, since it would be
// refused again.
//
// With a ClientOptions.Transport that is not the SDK's own, event and
// attachments are handed to it together; then the only thing known is
// whether Flush returned in time. Beware of sentry-go v0.46.0 and v0.46.1
// there, which lose attachments (fixed in v0.46.2); what the sink posts itself
// they do not touch. With an empty DSN, with which the SDK is switched off,
// nothing is sent, and that is no error.
//
// Events are exempt from ClientOptions.SampleRate: there are few of them, and
// the quotas bound them. Event processors that were added with
// Client.AddEventProcessor are not run; those of BeforeSend and of the scope
// are.
//
// # What leaves the process
//
//   - What the SDK adds to every event: release, environment, server name, the
//     modules, the scope's tags, contexts and extras.
//   - The incident: rule, reason, values, times; the readings of memory and
//     goroutines; limits and where they were found; the folder's path.
//   - Names of functions, files and lines of the program, in the title, the
//     report and the profiles. No values of variables, no content of memory.
//   - In profiles and reports: pprof labels, whatever the program puts there,
//     unless SinkConfig.StripLabels is set.
//   - In reports: who the process was (service, version, host, pod, pid).
//
// All methods may be called from any goroutine, also on a nil Sink, which
// sends nothing.
type Sink struct {
	hub   *sentry.Hub
	cfg   SinkConfig
	quota *quota
	stats sinkCounters
	// backoff is how long to wait before each further attempt.
	backoff []time.Duration

	mu        sync.Mutex
	incidents map[string]*sinkIncident
	order     []string // of incidents, oldest first
	link      *link
}

var _ guard.Sink = (*Sink)(nil)

// Name returns SinkConfig.Name.
func (s *Sink) Name() string {
	if s == nil {
		return defaultSinkName
	}
	return s.cfg.Name
}

// Deliver sends what has to be sent of an event; see [Sink].
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error {
	if s == nil {
		return nil
	}
	switch e.Kind {
	case guard.Opened:
		return s.opened(ctx, e)
	case guard.Captured:
		inc, _ := s.incident(e.Incident.ID)
		if err := inc.noTimer(ctx); err != nil {
			return s.fail(e, err)
		}
		if e.Incident.Headline == "" && !e.Redelivered {
			e.Incident.Headline = waitForReport(ctx, e.Incident, s.cfg.ReportWait)
		}
		return s.tell(ctx, inc, e)
	case guard.Explained:
		inc, known := s.incident(e.Incident.ID)
		if !known && e.Redelivered {
			// An earlier process has told of it, else its evidence would
			// have been offered before this.
			if err := inc.take(ctx); err != nil {
				return s.fail(e, err)
			}
			inc.sent = true
			inc.release()
		}
		return s.tell(ctx, inc, e)
	case guard.Escalated:
		// In the incident's issue, even if that was opened before anybody
		// knew the suspect. The evidence stays with the incident.
		inc, _ := s.incident(e.Incident.ID)
		e.Incident.Artefacts = nil
		return s.tell(ctx, inc.escalation(ctx), e)
	case guard.Recovered:
		e.Incident.Artefacts = nil
		return s.tell(ctx, newSinkIncident(), e)
	case guard.PreviousDeath:
		return s.tell(ctx, newSinkIncident(), e)
	}
	return nil // a kind that a later guard has
}

// opened waits for the evidence, in the background: it would come to a Deliver
// that has not returned.
func (s *Sink) opened(ctx context.Context, e guard.Event) error {
	if e.Redelivered {
		if len(e.Incident.Artefacts) > 0 {
			return nil // 'captured' follows, or was accepted
		}
		return s.tell(ctx, newSinkIncident(), e)
	}
	inc, known := s.incident(e.Incident.ID)
	if known {
		return nil
	}
	if err := inc.take(ctx); err != nil {
		return s.fail(e, err)
	}
	defer inc.release()
	inc.timer = time.AfterFunc(captureWait, func() {
		defer func() {
			if recover() != nil { // of a hook of the user's
				s.stats.failed.Add(1)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), sendAlone)
		defer cancel()
		// What fails here is offered again with 'captured'.
		_ = s.tell(ctx, inc, e)
	})
	return nil
}

// tell sends an event, unless it is sent, and then the evidence that is not.
func (s *Sink) tell(ctx context.Context, inc *sinkIncident, e guard.Event) error {
	if err := inc.take(ctx); err != nil {
		return s.fail(e, err)
	}
	defer inc.release()
	if inc.dropped || inc.sent && e.Kind == guard.Opened {
		return nil
	}
	l, err := s.connect()
	if err != nil {
		return s.fail(e, err)
	}
	defer l.idle()
	if l.off() {
		s.stats.disabled.Add(1)
		inc.dropped = true
		return nil
	}
	p := s.plan(inc, e.Incident)
	if !inc.sent {
		if err := s.first(ctx, l, inc, e, p); err != nil {
			return s.fail(e, err)
		}
	}
	if inc.dropped || l.custom {
		return nil // such a transport takes no attachment later
	}
	if err := s.attach(ctx, l, inc, e, p); err != nil {
		return s.fail(e, err)
	}
	return nil
}

// first sends the event itself.
func (s *Sink) first(ctx context.Context, l *link, inc *sinkIncident, e guard.Event, p plan) error {
	event := newEvent(e, p)
	if inc.fingerprint != nil {
		event.Fingerprint = inc.fingerprint
	}
	now := time.Now()
	if !s.quota.allows(event.Fingerprint, now) {
		s.stats.overQuota.Add(1)
		inc.dropped = true
		return nil
	}
	// The user's hooks may change it.
	inc.fingerprint = slices.Clone(event.Fingerprint)
	if l.custom {
		s.note(inc, p.leave...)
		files := s.evidence(e)
		for _, a := range p.send {
			file, err := files.load(a)
			if err != nil {
				s.note(inc, leftOut{a, err.Error()})
				continue
			}
			event.Attachments = append(event.Attachments, file)
		}
	}
	files := slices.Clone(event.Attachments)
	wanted, err := s.send(ctx, l, event)
	if err != nil {
		return err
	}
	if !wanted {
		s.stats.unwanted.Add(1)
		inc.dropped = true
		return nil
	}
	s.quota.spend(inc.fingerprint, now)
	s.stats.events.Add(1)
	inc.sent = true
	for _, file := range files {
		s.attached(inc, file)
	}
	return nil
}

func (s *Sink) fail(e guard.Event, err error) error {
	s.stats.failed.Add(1)
	return fmt.Errorf("sentryhook: incident %s, %v: %w", e.Incident.ID, e.Kind, err)
}
