package sentryhook

import "sync/atomic"

// SinkStats is what a sink has done since it was made.
type SinkStats struct {
	// Events, Attachments and AttachmentBytes were accepted by the server.
	Events, Attachments, AttachmentBytes int64
	// OverQuota events were not sent for EventsPerHour or EventsPerIssue.
	OverQuota int64
	// Unwanted events were dropped by BeforeSend or an event processor.
	Unwanted int64
	// Disabled events were not sent because the client has no DSN.
	Disabled int64
	// Failed is the deliveries that returned an error.
	Failed int64
	// LeftOut attachments were not sent, for size, budget or labels or because
	// they could not be read; Refused ones were sent and not accepted.
	LeftOut, Refused int64
}

type sinkCounters struct {
	events, attachments, attachmentBytes  atomic.Int64
	overQuota, unwanted, disabled, failed atomic.Int64
	leftOut, refused                      atomic.Int64
}

// Stats returns what was done so far.
func (s *Sink) Stats() SinkStats {
	if s == nil {
		return SinkStats{}
	}
	c := &s.stats
	return SinkStats{
		Events: c.events.Load(), Attachments: c.attachments.Load(), AttachmentBytes: c.attachmentBytes.Load(),
		OverQuota: c.overQuota.Load(), Unwanted: c.unwanted.Load(), Disabled: c.disabled.Load(),
		Failed: c.failed.Load(), LeftOut: c.leftOut.Load(), Refused: c.refused.Load(),
	}
}
