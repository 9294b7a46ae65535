package sink

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/link"
)

// Sink tells Sentry about the incidents of a guard; see sentryhook.Sink. A nil Sink
// sends nothing.
type Sink struct {
	server *link.Connector
	cfg    Config
	quota  *quota
	stats  counters

	mu      sync.Mutex
	records map[string]*record // by incident
	order   []string           // of records, oldest first
}

// Name returns the configured name.
func (s *Sink) Name() string {
	if s == nil {
		return defaultName
	}
	return s.cfg.Name
}

// Deliver sends to Sentry what an event gives rise to.
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error {
	if s == nil {
		return nil
	}
	switch e.Kind {
	case guard.Opened:
		return s.opened(ctx, e)
	case guard.Captured:
		inc, _ := s.record(e.Incident.ID)
		if err := inc.noTimer(ctx); err != nil {
			return s.fail(e, err)
		}
		if e.Incident.Headline == "" && !e.Redelivered {
			e.Incident = waitForReport(ctx, e, s.cfg.ReportWait)
		}
		return s.tell(ctx, inc, e)
	case guard.Explained:
		inc, known := s.record(e.Incident.ID)
		if !known && e.Redelivered {
			// An earlier process has sent the event, or its evidence would
			// have been offered before this.
			if err := inc.take(ctx); err != nil {
				return s.fail(e, err)
			}
			inc.sent = true
			inc.release()
		}
		return s.tell(ctx, inc, e)
	case guard.Escalated:
		// It goes to the incident's issue, even if the suspect was not known
		// when that was opened. The evidence stays with the incident.
		inc, _ := s.record(e.Incident.ID)
		e.Incident.Artefacts = nil
		return s.tell(ctx, inc.escalation(ctx), e)
	case guard.Recovered:
		e.Incident.Artefacts = nil
		return s.tell(ctx, newRecord(), e)
	case guard.PreviousDeath:
		return s.tell(ctx, newRecord(), e)
	}
	return nil // a kind that only a later guard has
}

// opened waits for the evidence in the background, because the evidence comes only
// after Deliver has returned.
func (s *Sink) opened(ctx context.Context, e guard.Event) error {
	if e.Redelivered {
		if len(e.Incident.Artefacts) > 0 {
			return nil // 'captured' follows, or has been accepted
		}
		return s.tell(ctx, newRecord(), e)
	}
	inc, known := s.record(e.Incident.ID)
	if known {
		return nil
	}
	if err := inc.take(ctx); err != nil {
		return s.fail(e, err)
	}
	defer inc.release()
	inc.timer = time.AfterFunc(captureWait, func() {
		defer func() {
			if recover() != nil { // a hook of the user's panicked
				s.stats.failed.Add(1)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), sendAlone)
		defer cancel()
		// If this fails, the event is sent with 'captured'.
		_ = s.tell(ctx, inc, e)
	})
	return nil
}

// tell sends an event and then the evidence, each unless it has been sent.
func (s *Sink) tell(ctx context.Context, inc *record, e guard.Event) error {
	if err := inc.take(ctx); err != nil {
		return s.fail(e, err)
	}
	defer inc.release()
	if inc.dropped || inc.sent && e.Kind == guard.Opened {
		return nil
	}
	l, err := s.server.Connect()
	if err != nil {
		return s.fail(e, err)
	}
	defer l.Idle()
	if l.Off() {
		s.stats.disabled.Add(1)
		inc.dropped = true
		return nil
	}
	p := s.plan(inc, e.Incident)
	files := s.evidence(e)
	if !inc.sent {
		if err := s.first(ctx, l, inc, e, &p, files); err != nil {
			return s.fail(e, err)
		}
	}
	if inc.dropped || l.Custom() {
		return nil // such a transport takes no attachments later
	}
	if err := s.attach(ctx, l, inc, e, p, files); err != nil {
		return s.fail(e, err)
	}
	return nil
}

// first sends the event itself. It takes out of the plan what turns out to be withheld, so
// that the event does not list it as attached.
func (s *Sink) first(ctx context.Context, l *link.Link, inc *record, e guard.Event, p *plan, files *evidence) error {
	group := inc.fingerprint
	if group == nil {
		group = fingerprint(e, suspectOf(e.Incident))
	}
	now := time.Now()
	if !s.quota.allows(group, now) {
		s.stats.overQuota.Add(1)
		inc.dropped = true
		return nil
	}
	p.withhold(files)
	event := newEvent(e, *p)
	// The user's hooks may change the event's own slice.
	event.Fingerprint, inc.fingerprint = slices.Clone(group), group
	if l.Custom() {
		s.note(inc, p.leave...)
		for _, a := range p.send {
			file, err := files.load(a)
			if err != nil {
				s.note(inc, leftOut{a, err.Error()})
				continue
			}
			event.Attachments = append(event.Attachments, file)
		}
	}
	attached := slices.Clone(event.Attachments)
	wanted, err := l.Send(ctx, event, s.server.Scope(event.Level))
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
	for _, file := range attached {
		s.attached(inc, file)
	}
	return nil
}

func (s *Sink) fail(e guard.Event, err error) error {
	s.stats.failed.Add(1)
	return fmt.Errorf("sentryhook: incident %s, %v: %w", e.Incident.ID, e.Kind, err)
}
