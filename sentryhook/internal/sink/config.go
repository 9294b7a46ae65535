package sink

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/link"
)

// Config configures a [Sink]. sentryhook.SinkConfig documents the fields, and is
// converted to it.
type Config struct {
	Name                          string
	ReportWait                    time.Duration
	MaxAttachment                 int64
	MaxAttachments                int64
	StripLabels                   bool
	EventsPerHour, EventsPerIssue int
}

const (
	defaultName           = "sentry"
	defaultReportWait     = 2 * time.Second
	defaultMaxAttachment  = 1_000_000
	defaultMaxAttachments = 4 << 20
	defaultEventsPerHour  = 30
	defaultEventsPerIssue = 6

	// captureWait is how long an open incident waits for its evidence.
	captureWait = 5 * time.Second
	// sendAlone is how long sending may take without a caller's context.
	sendAlone = 30 * time.Second
)

// New returns a sink that sends through the hub's client, nil for the current hub at the
// time of sending. The error names every field that is out of range.
func New(hub *sentry.Hub, cfg Config) (*Sink, error) {
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
	cfg.Name = cmp.Or(cfg.Name, defaultName)
	cfg.ReportWait = max(cmp.Or(cfg.ReportWait, defaultReportWait), 0)
	cfg.MaxAttachment = cmp.Or(cfg.MaxAttachment, defaultMaxAttachment)
	cfg.MaxAttachments = max(cmp.Or(cfg.MaxAttachments, defaultMaxAttachments), 0)
	return &Sink{
		server: link.NewConnector(hub), cfg: cfg,
		quota:   newQuota(cmp.Or(cfg.EventsPerHour, defaultEventsPerHour), cmp.Or(cfg.EventsPerIssue, defaultEventsPerIssue), time.Now()),
		records: make(map[string]*record),
	}, nil
}
