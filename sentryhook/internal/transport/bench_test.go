package transport

import (
	"bytes"
	"log/slog"
	"math"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// BenchmarkTransport is a request's whole way except for the network: read, compact, fit,
// compress. MB/s refers to the body that came.
func BenchmarkTransport(b *testing.B) {
	for _, c := range []struct {
		name  string
		shape relaytest.Shape
		cfg   Config
	}{
		{"1000x10s", relaytest.Crowd(1000, 10), Config{}},
		{"1000x10s/NoGzip", relaytest.Crowd(1000, 10), Config{NoGzip: true}},
		{"busy", relaytest.Shape{Threads: 200, Ticks: 1000, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 30, Change: 0.95, ActiveChange: 1}, Config{}},
		{"history", relaytest.Shape{Threads: 10, Ticks: 10, Period: 9_900_990, Frames: 30_000, Stacks: 100_000, Depth: 20, Change: 0.1, ActiveChange: 1}, Config{}},
		{"quoted", relaytest.Shape{Threads: 1000, Ticks: 200, Period: 9_900_990, Frames: 300, Stacks: 400, Depth: 20, Change: 0.0002, Quoted: true}, Config{}},
	} {
		body := relaytest.Envelope(relaytest.Of(c.shape))
		b.Run(c.name, func(b *testing.B) {
			c.cfg.Logger = slog.New(slog.DiscardHandler)
			c.cfg.ProfileBytesPerMinute = math.MaxInt64
			base := &drain{}
			tr, err := New(base, c.cfg)
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

// BenchmarkNoise is what attachments cost that cannot shrink: alone, and beside what has to
// shrink.
func BenchmarkNoise(b *testing.B) {
	noise := relaytest.Noise(20 << 20)
	var mixed bytes.Buffer
	mixed.Write(relaytest.Envelope(nil))
	relaytest.AddItem(&mixed, "attachment", "core", noise)
	relaytest.AddItem(&mixed, "attachment", "log", bytes.Repeat([]byte("a line of a log that is long\n"), 5<<20/30))
	for name, body := range map[string][]byte{"alone": attachments(20 << 20), "mixed": mixed.Bytes()} {
		b.Run(name, func(b *testing.B) {
			tr := newTransport(b, Config{WireBytes: 22 << 20})
			tr.base = &drain{}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				sendThrough(b, tr, body)
			}
			if s := tr.Stats(); s.AttachmentsDropped != 0 {
				b.Errorf("%+v", s)
			}
		})
	}
}

// BenchmarkEvent is what an event without a profile costs.
func BenchmarkEvent(b *testing.B) {
	body := relaytest.WithAttachments(`{"message":"x"}`, 800)
	tr := newTransport(b, Config{})
	tr.base = &drain{}
	b.ReportAllocs()
	for b.Loop() {
		sendThrough(b, tr, body)
	}
}
