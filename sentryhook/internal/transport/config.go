package transport

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config configures a [Transport]. sentryhook.TransportConfig documents the fields,
// and is converted to it.
type Config struct {
	WireBytes             int64
	EnvelopeBytes         int64
	ProfileBytes          int64
	AttachmentBytes       int64
	ProfileBytesPerMinute int64
	NoGzip                bool
	BufferBytes           int64
	LearnFor              time.Duration
	Logger                *slog.Logger
}

// usualWire is how many bytes a stock nginx takes.
const usualWire = 1 << 20

// leastBudget is the smallest budget, in bytes.
const leastBudget = 4 << 10

// withDefaults fills in what is zero, but for WireBytes, whose default is learned.
func (c Config) withDefaults() Config {
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
func (c Config) validate() error {
	var faults []error
	budget := func(field string, v int64, zero string) {
		if v != 0 && v < leastBudget {
			faults = append(faults, fmt.Errorf("%s: %d: want bytes, at least %d (0: %s)", field, v, leastBudget, zero))
		}
	}
	budget("WireBytes", c.WireBytes, "1 MiB, or what has passed")
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
