package sentryhook

import (
	"errors"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"
)

// SinkConfig configures a [Sink]; its zero value is a working one.
type SinkConfig struct {
	// Name identifies the sink in logs and in delivery.json. Two sinks of one
	// guard need different ones. Zero: 'sentry'.
	Name string
	// ReportWait is how long an incident whose evidence is safe waits for its
	// report, which names the suspect by which Sentry groups; a quarter of it
	// where memory is above three quarters of its limit, since then the
	// process may not have more. Negative: it is not waited for. Zero: 2 s.
	ReportWait time.Duration
	// MaxAttachment is how large a file may be to be attached, in bytes.
	// Zero: 1,000,000, which passes a stock nginx.
	MaxAttachment int64
	// MaxAttachments is how many bytes may be attached to an incident in
	// all. Negative: none. Zero: 4 MiB.
	MaxAttachments int64
	// StripLabels removes pprof labels (pprof.Do), which may hold personal
	// data, from profiles before they leave. Files that may show labels and
	// cannot be cleaned are then not sent: goroutine.txt, and the reports
	// where a goroutine profile has labels. Zero: labels are sent.
	StripLabels bool
	// EventsPerHour is how many events may be sent, and EventsPerIssue how
	// many of one fingerprint, which is one issue in Sentry. Both refill
	// evenly. Zero: 30 and 6.
	EventsPerHour, EventsPerIssue int
}

const (
	defaultSinkName       = "sentry"
	defaultReportWait     = 2 * time.Second
	defaultMaxAttachment  = 1_000_000
	defaultMaxAttachments = 4 << 20
	defaultEventsPerHour  = 30
	defaultEventsPerIssue = 6

	// captureWait is how long an opened incident waits for its evidence.
	captureWait = 5 * time.Second
	// sendAlone bounds what is sent without a caller's context.
	sendAlone = 30 * time.Second
)

// NewSink returns a sink that sends through the hub's client; a nil hub is the
// current one (sentry.CurrentHub) at the time of sending. The client may be bound
// later. The error names every field that is out of range.
func NewSink(hub *sentry.Hub, cfg SinkConfig) (*Sink, error) {
	var errs []error
	check := func(ok bool, field string, got any) {
		if !ok {
			errs = append(errs, fmt.Errorf("sentryhook: SinkConfig.%s is %v: want a number of at least 0", field, got))
		}
	}
	check(cfg.MaxAttachment >= 0, "MaxAttachment", cfg.MaxAttachment)
	check(cfg.EventsPerHour >= 0, "EventsPerHour", cfg.EventsPerHour)
	check(cfg.EventsPerIssue >= 0, "EventsPerIssue", cfg.EventsPerIssue)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	cfg.Name = or(cfg.Name, defaultSinkName)
	cfg.ReportWait = max(or(cfg.ReportWait, defaultReportWait), 0)
	cfg.MaxAttachment = or(cfg.MaxAttachment, defaultMaxAttachment)
	cfg.MaxAttachments = max(or(cfg.MaxAttachments, defaultMaxAttachments), 0)
	return &Sink{
		hub: hub, cfg: cfg,
		quota:     newQuota(or(cfg.EventsPerHour, defaultEventsPerHour), or(cfg.EventsPerIssue, defaultEventsPerIssue), time.Now()),
		backoff:   []time.Duration{time.Second, 4 * time.Second},
		incidents: make(map[string]*sinkIncident),
	}, nil
}
