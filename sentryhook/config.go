package sentryhook

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// TransportConfig configures a [Transport]. Its zero value passes a stock nginx
// and a stock Relay; each field says what its zero means.
//
// There are two kinds of budget, as there are two who refuse: a proxy counts the
// bytes on the wire, which may be compressed, and Relay counts them decompressed.
// A budget as large as [math.MaxInt64] is none.
type TransportConfig struct {
	// WireBytes is how many bytes a request's body may have, from 4 KiB.
	// Zero: 1 MiB, nginx's default client_max_body_size.
	WireBytes int64
	// EnvelopeBytes is how many bytes an envelope may have decompressed, from
	// 4 KiB. Zero: 200 MiB, Relay's max_envelope_size.
	EnvelopeBytes int64
	// ProfileBytes is how many bytes a profile may have decompressed, from 4
	// KiB. Zero: 45 MB, below Relay's max_profile_size of 50 MiB and the
	// 50,000,000 bytes that a self-hosted Kafka takes, with room for what
	// Relay adds.
	ProfileBytes int64
	// AttachmentBytes is how many bytes the attachments of an envelope may
	// have in sum, from 4 KiB. Zero: 200 MiB, Relay's max_attachments_size.
	AttachmentBytes int64

	// ProfileBytesPerMinute is how many bytes of profiles, decompressed and as
	// they are sent, may leave in a minute, from 4 KiB. What is not used adds
	// up to one minute's worth. Zero: 64 MiB.
	ProfileBytesPerMinute int64

	// NoGzip sends bodies uncompressed, so that WireBytes counts what Relay
	// counts. Zero: a body is compressed where that makes it smaller.
	NoGzip bool

	// BufferBytes bounds the body that is read into memory where a request has
	// no GetBody, or one that does not give its bytes as they lie in memory; a
	// larger one is passed on as it is. The SDKs' requests need no buffer.
	// Zero: 8 MiB.
	BufferBytes int64

	// LearnFor is how long a host that refused a body for its size gets
	// smaller ones. Zero: 10 minutes.
	LearnFor time.Duration

	// Logger gets Warn once a minute at most for each kind of loss, and Debug
	// for every decision. A handler that turns records into Sentry events must
	// leave out this package's, or each loss makes another event. Zero:
	// slog.Default.
	Logger *slog.Logger
}

const leastBudget = 4 << 10

func (c TransportConfig) withDefaults() TransportConfig {
	c.WireBytes = cmp.Or(c.WireBytes, 1<<20)
	c.EnvelopeBytes = cmp.Or(c.EnvelopeBytes, 200<<20)
	c.ProfileBytes = cmp.Or(c.ProfileBytes, 45_000_000)
	c.AttachmentBytes = cmp.Or(c.AttachmentBytes, 200<<20)
	c.ProfileBytesPerMinute = cmp.Or(c.ProfileBytesPerMinute, 64<<20)
	c.BufferBytes = cmp.Or(c.BufferBytes, 8<<20)
	c.LearnFor = cmp.Or(c.LearnFor, 10*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// validate returns every fault at once, or nil.
func (c TransportConfig) validate() error {
	var faults []error
	budget := func(field string, v int64, zero string) {
		if v != 0 && v < leastBudget {
			faults = append(faults, fmt.Errorf("%s: %d: want bytes, at least 4096 (0: %s)", field, v, zero))
		}
	}
	budget("WireBytes", c.WireBytes, "1 MiB")
	budget("EnvelopeBytes", c.EnvelopeBytes, "200 MiB")
	budget("ProfileBytes", c.ProfileBytes, "45 MB")
	budget("AttachmentBytes", c.AttachmentBytes, "200 MiB")
	budget("ProfileBytesPerMinute", c.ProfileBytesPerMinute, "64 MiB")
	budget("BufferBytes", c.BufferBytes, "8 MiB")
	if c.LearnFor < 0 {
		faults = append(faults, fmt.Errorf("LearnFor: %v: want at least 0 (0: 10m0s)", c.LearnFor))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("sentryhook: faults in TransportConfig: %d:\n%w", len(faults), errors.Join(faults...))
}
