package transport

import (
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// What fits is sent as the SDK made it. Only what is too large for the host is compressed.
func TestWhatFitsIsNotCompressed(t *testing.T) {
	text := func(n int) []byte {
		return relaytest.WithAttachments(`{"message":"` + strings.Repeat("it compresses well, ", n/20) + `"}`)
	}
	for _, c := range []struct {
		name     string
		limit    int64
		cfg      Config
		body     []byte
		gzip     bool
		requests int
	}{
		{"small", 0, Config{}, text(1000), false, 1},
		{"just fits", 0, Config{}, text(1<<20 - 100), false, 1},
		{"too large", 1 << 20, Config{}, text(1<<20 + 100), true, 1},
		{"over a small budget", 0, Config{WireBytes: 8 << 10}, text(10_000), true, 1},
		{"compacted", 0, Config{}, relaytest.Envelope(relaytest.Scene(0.5)), false, 1},
		{"a lower limit", 500_000, Config{}, text(700_000), true, 2},
		{"a lower limit, no gzip", 500_000, Config{NoGzip: true}, text(700_000), false, 1},
	} {
		base, tr := newRelay(t, c.limit, c.cfg)
		resp := post(t, tr, relayURL, c.body)
		last := base.got[len(base.got)-1]
		if last.Gzip != c.gzip || len(base.got) != c.requests {
			t.Errorf("%s: compressed %v in %d requests, want %v in %d", c.name, last.Gzip, len(base.got), c.gzip, c.requests)
		}
		if c.requests == 2 {
			base.got = nil
			post(t, tr, relayURL, c.body)
			if len(base.got) != 1 || !base.got[0].Gzip || resp.StatusCode != 200 {
				t.Errorf("%s: it was not learned: %+v", c.name, tr.Stats().Learned)
			}
		}
		countsAddUp(t, tr)
	}
	// That a host takes more is no reason to send more.
	base, tr := newRelay(t, 0, Config{})
	post(t, tr, relayURL, attachments(3<<20))
	post(t, tr, relayURL, text(2<<20))
	if !base.got[1].Gzip {
		t.Error("a body of 2 MiB is not compressed once 3 MiB have passed")
	}
}
