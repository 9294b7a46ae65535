package sink

import "sync/atomic"

// Stats is what a sink has done; sentryhook.SinkStats documents the fields.
type Stats struct {
	Events, Attachments, AttachmentBytes int64
	OverQuota                            int64
	Unwanted                             int64
	Disabled                             int64
	Failed                               int64
	LeftOut, Refused                     int64
}

type counters struct {
	events, attachments, attachmentBytes  atomic.Int64
	overQuota, unwanted, disabled, failed atomic.Int64
	leftOut, refused                      atomic.Int64
}

// Stats returns what has been done so far.
func (s *Sink) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	c := &s.stats
	return Stats{
		Events: c.events.Load(), Attachments: c.attachments.Load(), AttachmentBytes: c.attachmentBytes.Load(),
		OverQuota: c.overQuota.Load(), Unwanted: c.unwanted.Load(), Disabled: c.disabled.Load(),
		Failed: c.failed.Load(), LeftOut: c.leftOut.Load(), Refused: c.refused.Load(),
	}
}
