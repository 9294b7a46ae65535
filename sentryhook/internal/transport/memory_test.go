package transport

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// drain is a base that reads each body and keeps none of it.
type drain struct {
	bytes int64
	buf   [32 << 10]byte
}

func (d *drain) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	for d.bytes = 0; ; {
		n, err := r.Body.Read(d.buf[:])
		d.bytes += int64(n)
		if err == io.EOF {
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// sendThrough sends an envelope as the SDKs do.
func sendThrough(t testing.TB, tr *Transport, body []byte) {
	t.Helper()
	req, _ := http.NewRequest(http.MethodPost, relayURL, bytes.NewBuffer(body))
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// Each allocated byte counts, even if it is garbage at once. What is held at a time is
// less.
func TestMemory(t *testing.T) {
	if inChild(t) {
		return
	}
	const unlimited = math.MaxInt64
	var attached bytes.Buffer
	attached.Write(relaytest.Envelope(nil))
	relaytest.AddItem(&attached, "attachment", "core", relaytest.Noise(8<<20))
	var mixed bytes.Buffer // it fits once the log is compressed
	mixed.Write(relaytest.Envelope(nil))
	relaytest.AddItem(&mixed, "attachment", "core", relaytest.Noise(700_000))
	relaytest.AddItem(&mixed, "attachment", "log", bytes.Repeat([]byte("a line of a log that is long\n"), 20_000))
	for name, c := range map[string]struct {
		body []byte
		cfg  Config
	}{
		"parked":  {relaytest.Envelope(relaytest.Of(relaytest.Crowd(1000, 3))), Config{}},
		"no gzip": {relaytest.Envelope(relaytest.Of(relaytest.Crowd(1000, 3))), Config{NoGzip: true}},
		"busy":    {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 200, Ticks: 300, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 30, Change: 1, ActiveChange: 1})), Config{}},
		"busy, all of it": {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 200, Ticks: 300, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 30, Change: 0.95, ActiveChange: 1})),
			Config{WireBytes: unlimited, NoGzip: true}},
		"busy, all of it compressed": {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 200, Ticks: 300, Period: 9_900_990, Frames: 2000, Stacks: 3000, Depth: 30, Change: 0.95, ActiveChange: 1})),
			Config{WireBytes: unlimited}},
		"new threads": {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 100, Ticks: 1000, Period: 9_900_990, Frames: 100, Stacks: 100, Depth: 9, Churn: 1, ActiveChange: 1})), Config{}},
		"new threads without names": {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 100, Ticks: 1000, Period: 9_900_990, Frames: 100, Stacks: 100, Depth: 9, Churn: 1, ThreadsNotSaved: true})),
			Config{WireBytes: unlimited}},
		"history":     {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 5, Ticks: 50, Period: 9_900_990, Frames: 30_000, Stacks: 100_000, Depth: 5, Change: 0.1, ActiveChange: 1})), Config{}},
		"idle stacks": {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 2, Ticks: 50, Period: 9_900_990, Frames: 1, Stacks: 2_000_000, Depth: 1, Idle: 1, ActiveChange: 1})), Config{}},
		"quoted":      {relaytest.Envelope(relaytest.Of(relaytest.Shape{Threads: 300, Ticks: 100, Period: 9_900_990, Frames: 10, Stacks: 10, Depth: 5, Quoted: true})), Config{}},
		"attachment":  {attached.Bytes(), Config{WireBytes: unlimited}},
		"mixed":       {mixed.Bytes(), Config{}},
		"event":       {relaytest.Envelope(nil), Config{}},
		"malformed":   {bytes.Repeat([]byte("{\"type\":\"x\"}\n\n"), 1<<19), Config{}},
	} {
		base := &drain{}
		c.cfg.Logger = slog.New(slog.DiscardHandler)
		tr, err := New(base, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		sendThrough(t, tr, c.body)
		runtime.ReadMemStats(&after)
		extra, limit := int64(after.TotalAlloc-before.TotalAlloc), int64(len(c.body))/10+1<<20
		if name == "mixed" {
			limit = 5 << 19 // a compressor of each level
		}
		t.Logf("%-26s %9d bytes in, %8d out, %8d allocated, %4.1f%%", name, len(c.body), base.bytes, extra, 100*float64(extra)/float64(len(c.body)))
		if extra > limit {
			t.Errorf("%s: %d bytes allocated for a body of %d: want %d at most", name, extra, len(c.body), limit)
		}
		countsAddUp(t, tr)
	}
}
