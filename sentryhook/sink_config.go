package sentryhook

import "time"

// SinkConfig configures a [Sink]; its zero value is a working one.
type SinkConfig struct {
	// Name identifies the sink in logs and in delivery.json. Two sinks of one
	// guard need different ones. Zero: 'sentry'.
	Name string
	// ReportWait is how long an incident whose evidence is safe waits for its
	// report, which names the suspect by which Sentry groups. If memory is above
	// three quarters of its limit, it waits a quarter as long, since the process
	// may not have more time. Negative: it does not wait. Zero: 2 s.
	ReportWait time.Duration
	// MaxAttachment is how large a file may be to be attached, in bytes.
	// A [Transport] may leave out more: see TransportConfig.WireBytes. Zero:
	// 1,000,000, which passes a stock nginx.
	MaxAttachment int64
	// MaxAttachments is how many bytes may be attached to an incident in all.
	// Negative: none. Zero: 4 MiB.
	MaxAttachments int64
	// StripLabels removes pprof labels (pprof.Do), which may hold personal data,
	// from profiles before they are sent. Files that may contain labels and cannot
	// be cleaned are then not sent: goroutine.txt, and the reports if a goroutine
	// profile has labels. Zero: labels are sent.
	StripLabels bool
	// EventsPerHour is how many events may be sent in an hour, and EventsPerIssue
	// how many of one fingerprint, which is one issue in Sentry. Both refill
	// evenly. Zero: 30 and 6.
	EventsPerHour, EventsPerIssue int
}

// SinkStats is what a sink has done since it was made.
type SinkStats struct {
	// Events, Attachments and AttachmentBytes count what the server accepted. A note
	// in place of a file is none of these.
	Events, Attachments, AttachmentBytes int64
	// OverQuota counts events that EventsPerHour or EventsPerIssue kept from being
	// sent.
	OverQuota int64
	// Unwanted counts events that BeforeSend or an event processor dropped.
	Unwanted int64
	// Disabled counts events that were not sent because the client has no DSN.
	Disabled int64
	// Failed counts deliveries that returned an error.
	Failed int64
	// LeftOut counts attachments that were not sent because of their size, the
	// budget or labels, because they could not be read, or because a [Transport] left
	// them out. Refused counts attachments that were sent and not accepted.
	LeftOut, Refused int64
}
