package sentryhook

import (
	"log/slog"
	"math"
	"testing"
)

// BenchmarkTransport is a request's whole way but the network's: read, compact,
// fit, compress. MB/s are of the body as it comes.
func BenchmarkTransport(b *testing.B) {
	for _, c := range []struct {
		name  string
		shape profileShape
		cfg   TransportConfig
	}{
		{"1000x10s", crowd(1000, 10), TransportConfig{}},
		{"1000x10s/NoGzip", crowd(1000, 10), TransportConfig{NoGzip: true}},
		{"busy", profileShape{threads: 200, ticks: 1000, period: 9_900_990, frames: 2000, stacks: 3000, depth: 30, change: 0.95, activeChange: 1}, TransportConfig{}},
		{"history", profileShape{threads: 10, ticks: 10, period: 9_900_990, frames: 30_000, stacks: 100_000, depth: 20, change: 0.1, activeChange: 1}, TransportConfig{}},
		{"quoted", profileShape{threads: 1000, ticks: 200, period: 9_900_990, frames: 300, stacks: 400, depth: 20, change: 0.0002, quoted: true}, TransportConfig{}},
	} {
		body := envelopeOf(gen(c.shape))
		b.Run(c.name, func(b *testing.B) {
			c.cfg.Logger = slog.New(slog.DiscardHandler)
			c.cfg.ProfileBytesPerMinute = math.MaxInt64
			base := &drain{}
			tr, err := NewTransport(base, c.cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				sendThrough(b, tr, body)
			}
			s := tr.Stats()
			b.ReportMetric(float64(len(body)), "in-B")
			b.ReportMetric(float64(s.BytesOut)/float64(s.Requests), "out-B")
			b.ReportMetric(float64(base.bytes), "wire-B")
		})
	}
}

// BenchmarkEvent is what an event without a profile costs.
func BenchmarkEvent(b *testing.B) {
	body := withAttachments(`{"message":"x"}`, 800)
	tr := newTransport(b, TransportConfig{})
	tr.base = &drain{}
	b.ReportAllocs()
	for b.Loop() {
		sendThrough(b, tr, body)
	}
}
