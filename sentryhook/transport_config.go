package sentryhook

import (
	"log/slog"
	"time"
)

// TransportConfig configures a [Transport]. Its zero value passes a stock nginx
// and a stock Relay; each field says what its zero means.
//
// There are two kinds of budget, because there are two that refuse: a proxy counts
// the bytes on the wire, which may be compressed, and Relay counts them
// decompressed. A budget of [math.MaxInt64] is unlimited.
type TransportConfig struct {
	// WireBytes is how many bytes the body of a request may have as it is sent, at least
	// 4 KiB. Profiles and attachments beyond that are left out. Zero: 1 MiB, nginx's default
	// client_max_body_size, or as much as the host has accepted; attachments that are
	// sent without an event may be larger, until the host has refused some.
	WireBytes int64
	// EnvelopeBytes is how many bytes an envelope may have decompressed, at
	// least 4 KiB. Zero: 200 MiB, Relay's max_envelope_size.
	EnvelopeBytes int64
	// ProfileBytes is how many bytes a profile may have decompressed, at least
	// 4 KiB. Zero: 45 MB. That is below Relay's max_profile_size of 50 MiB and
	// the 50,000,000 bytes that a self-hosted Kafka accepts, with room for what
	// Relay adds.
	ProfileBytes int64
	// AttachmentBytes is how many bytes the attachments of an envelope may have
	// in sum, at least 4 KiB. Zero: 200 MiB, Relay's max_attachments_size.
	AttachmentBytes int64

	// ProfileBytesPerMinute is how many bytes of profiles may be sent in a minute,
	// at least 4 KiB. They count decompressed and after compaction. What is not
	// used adds up to one minute's worth. Zero: 64 MiB.
	ProfileBytesPerMinute int64

	// NoGzip sends bodies uncompressed, so that WireBytes counts what Relay
	// counts. Zero: a body that came larger than WireBytes is compressed if that makes
	// it smaller.
	NoGzip bool

	// BufferBytes is how many bytes of a body may be copied into memory, at least
	// 4 KiB. That is needed for a request without GetBody, or with one whose
	// reader does not give all bytes at once; a larger body is passed on as it is.
	// The requests of the SDKs need no copy. Zero: 8 MiB.
	BufferBytes int64

	// LearnFor is how long a host that refused a body for its size gets smaller
	// ones. Attachments stay smaller, and a larger one is tried as often. Zero: 10
	// minutes.
	LearnFor time.Duration

	// Logger gets each kind of loss as Warn, at most once a minute, and every
	// decision as Debug. A handler that turns records into Sentry events must
	// ignore those of this package, or each loss makes another event. Zero:
	// slog.Default.
	Logger *slog.Logger
}
