package sentryhook

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"testing"
)

// drain is a base that reads each body and keeps nothing.
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

func gen(s profileShape) []byte { return generate(rand.New(rand.NewPCG(1, 1)), s) }

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

// Each byte that is allocated counts, whether or not it is garbage at once: what
// is held at a time is less.
func TestMemory(t *testing.T) {
	if inChild(t) {
		return
	}
	const unlimited = math.MaxInt64
	var attached bytes.Buffer
	attached.Write(envelopeOf(nil))
	addItem(&attached, "attachment", "core", noise(8<<20))
	for name, c := range map[string]struct {
		body []byte
		cfg  TransportConfig
	}{
		"parked":  {envelopeOf(gen(crowd(1000, 3))), TransportConfig{}},
		"no gzip": {envelopeOf(gen(crowd(1000, 3))), TransportConfig{NoGzip: true}},
		"busy":    {envelopeOf(gen(profileShape{threads: 200, ticks: 300, period: 9_900_990, frames: 2000, stacks: 3000, depth: 30, change: 1, activeChange: 1})), TransportConfig{}},
		"busy, all of it": {envelopeOf(gen(profileShape{threads: 200, ticks: 300, period: 9_900_990, frames: 2000, stacks: 3000, depth: 30, change: 0.95, activeChange: 1})),
			TransportConfig{WireBytes: unlimited, NoGzip: true}},
		"busy, all of it compressed": {envelopeOf(gen(profileShape{threads: 200, ticks: 300, period: 9_900_990, frames: 2000, stacks: 3000, depth: 30, change: 0.95, activeChange: 1})),
			TransportConfig{WireBytes: unlimited}},
		"new threads": {envelopeOf(gen(profileShape{threads: 100, ticks: 1000, period: 9_900_990, frames: 100, stacks: 100, depth: 9, churn: 1, activeChange: 1})), TransportConfig{}},
		"new threads without names": {envelopeOf(gen(profileShape{threads: 100, ticks: 1000, period: 9_900_990, frames: 100, stacks: 100, depth: 9, churn: 1, threadsNotSaved: true})),
			TransportConfig{WireBytes: unlimited}},
		"history":     {envelopeOf(gen(profileShape{threads: 5, ticks: 50, period: 9_900_990, frames: 30_000, stacks: 100_000, depth: 5, change: 0.1, activeChange: 1})), TransportConfig{}},
		"idle stacks": {envelopeOf(gen(profileShape{threads: 2, ticks: 50, period: 9_900_990, frames: 1, stacks: 2_000_000, depth: 1, idle: 1, activeChange: 1})), TransportConfig{}},
		"quoted":      {envelopeOf(gen(profileShape{threads: 300, ticks: 100, period: 9_900_990, frames: 10, stacks: 10, depth: 5, quoted: true})), TransportConfig{}},
		"attachment":  {attached.Bytes(), TransportConfig{WireBytes: unlimited}},
		"event":       {envelopeOf(nil), TransportConfig{}},
		"malformed":   {bytes.Repeat([]byte("{\"type\":\"x\"}\n\n"), 1<<19), TransportConfig{}},
	} {
		base := &drain{}
		c.cfg.Logger = slog.New(slog.DiscardHandler)
		tr, err := NewTransport(base, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		sendThrough(t, tr, c.body)
		runtime.ReadMemStats(&after)
		extra, limit := int64(after.TotalAlloc-before.TotalAlloc), int64(len(c.body))/10+1<<20
		t.Logf("%-26s %9d bytes in, %8d out, %8d allocated, %4.1f%%", name, len(c.body), base.bytes, extra, 100*float64(extra)/float64(len(c.body)))
		if extra > limit {
			t.Errorf("%s: %d bytes allocated for a body of %d: want %d at most", name, extra, len(c.body), limit)
		}
		countsAddUp(t, tr)
	}
}
