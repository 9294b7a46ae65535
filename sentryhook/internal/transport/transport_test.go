package transport

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// newTransport returns a transport that logs nothing.
func newTransport(t testing.TB, cfg Config) *Transport {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	tr, err := New(nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// compacted returns a profile after compaction without loss.
func compacted(t testing.TB, payload []byte) []byte {
	t.Helper()
	c, ok := compact.Plan(payload)
	if !ok {
		t.Fatal("the profile is not understood")
	}
	var b bytes.Buffer
	if err := c.Write(payload, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// countsAddUp checks that no profile is counted twice or not at all.
func countsAddUp(t testing.TB, tr *Transport) Stats {
	t.Helper()
	s := tr.Stats()
	n := s.Unchanged + s.Compacted + s.Reduced.OtherThreads + s.Reduced.ActiveRuns + s.Reduced.Thinned
	for _, d := range s.Dropped {
		n += d
	}
	if n != s.Profiles {
		t.Errorf("%d profiles came, %d are accounted for: %+v", s.Profiles, n, s)
	}
	if s.Envelopes+s.PassedOn > s.Requests {
		t.Errorf("more envelopes than requests: %+v", s)
	}
	return s
}

func TestSceneIsDelivered(t *testing.T) {
	profile := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), relaytest.Crowd(1000, 10))
	r := relaytest.New(t, 1<<20)
	body := relaytest.Envelope(profile)
	if resp := r.Post(t, http.DefaultTransport, body); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("without the transport: %s, and this test tests nothing", resp.Status)
	}
	tr := newTransport(t, Config{})
	if resp := r.Post(t, tr, body); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	got := r.Last(t)
	out := got.Item("profile")
	if _, err := relaytest.Accepts(out); err != nil {
		t.Fatalf("Relay: %v", err)
	}
	was, err := relaytest.CallTrees(profile)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := relaytest.CallTrees(out); err != nil || is != was {
		t.Errorf("the call trees changed: %v", err)
	}
	if got.Item("transaction") == nil || got.Auth == "" {
		t.Error("the transaction or a header was lost")
	}
	if len(out) > 500_000 || got.Wire > 500_000 || !got.Gzip {
		t.Errorf("%d bytes, %d on the wire: want 0.5 MB at most", len(out), got.Wire)
	}
	s := countsAddUp(t, tr)
	if s.Compacted != 1 || s.BytesIn != int64(len(body)) || s.BytesOut != int64(len(got.Body)) || s.WireBytesOut != got.Wire {
		t.Errorf("stats: %+v", s)
	}
	t.Logf("%.1f MB -> %.0f kB decompressed, %.0f kB on the wire", float64(len(body))/1e6, float64(len(got.Body))/1e3, float64(got.Wire)/1e3)
}

func TestUnchangedByteForByte(t *testing.T) {
	attachment := relaytest.Envelope(nil)
	var b bytes.Buffer
	b.Write(attachment)
	relaytest.AddItem(&b, "attachment", "a.bin", relaytest.Noise(3000))
	for name, body := range map[string][]byte{
		"transaction":     relaytest.Envelope(nil),
		"small profile":   relaytest.Envelope(relaytest.Small()),
		"attachment":      b.Bytes(),
		"no length":       []byte("{}\n{\"type\":\"event\"}\n{\"message\":\"x\"}"),
		"null length":     []byte("{}\n{\"type\":\"event\",\"length\":null}\n{}\n"),
		"empty lines":     append(relaytest.Envelope(relaytest.Small()), "\n\n\n"...),
		"unknown items":   []byte("{}\n{\"type\":\"session\"}\n{}\n{\"type\":\"client_report\",\"length\":2}\n{}\n"),
		"foreign profile": relaytest.Envelope([]byte(`{"version":"2","profile":{}}`)),
		"chunk":           []byte("{}\n{\"type\":\"profile_chunk\",\"length\":2}\n{}\n"),
	} {
		for _, noGzip := range []bool{false, true} {
			r := relaytest.New(t, 0)
			tr := newTransport(t, Config{NoGzip: noGzip})
			r.Post(t, tr, body)
			if got := r.Last(t); !bytes.Equal(got.Body, body) || noGzip && got.Gzip {
				t.Errorf("%s, NoGzip %v: changed to\n%s", name, noGzip, got.Body)
			}
			if s := countsAddUp(t, tr); s.Envelopes != 1 || s.PassedOn != 0 || s.Unchanged != s.Profiles {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestNotAnEnvelope(t *testing.T) {
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{})
	for _, c := range []struct{ method, contentType, encoding string }{
		{http.MethodPost, "application/json", ""},
		{http.MethodPut, "application/x-sentry-envelope", ""},
		{http.MethodPost, "application/x-sentry-envelope", "br"},
		{http.MethodGet, "", ""},
	} {
		req, _ := http.NewRequest(c.method, r.URL+"/x", bytes.NewReader(relaytest.Envelope(relaytest.Scene(1))))
		req.Header.Set("Content-Type", c.contentType)
		if c.encoding != "" {
			req.Header.Set("Content-Encoding", c.encoding)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := r.Last(t); !bytes.Equal(got.Body, relaytest.Envelope(relaytest.Scene(1))) {
			t.Errorf("%v: changed", c)
		}
	}
	if s := tr.Stats(); s.PassedOn != 4 || s.Requests != 4 {
		t.Errorf("%+v", s)
	}
}

func TestConcurrentUse(t *testing.T) {
	r := relaytest.New(t, 0)
	tr := newTransport(t, Config{})
	body := relaytest.Envelope(relaytest.Scene(0.5))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", bytes.NewReader(body))
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				tr.Stats()
			}
		})
	}
	wg.Wait()
	first := r.Requests()[0].Body
	for _, got := range r.Requests() {
		if got.Status != 200 || !bytes.Equal(got.Body, first) {
			t.Fatalf("status %d, %d bytes instead of %d", got.Status, len(got.Body), len(first))
		}
	}
	if s := countsAddUp(t, tr); s.Compacted != 40 {
		t.Errorf("%+v", s)
	}
}

func TestConfigFaults(t *testing.T) {
	_, err := New(nil, Config{
		WireBytes: -1, EnvelopeBytes: 1, ProfileBytes: 4095, AttachmentBytes: -5, ProfileBytesPerMinute: 3, BufferBytes: -9, LearnFor: -time.Second,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"WireBytes: -1", "EnvelopeBytes: 1", "ProfileBytes: 4095", "AttachmentBytes: -5", "ProfileBytesPerMinute: 3", "BufferBytes: -9", "LearnFor: -1s", "faults in TransportConfig: 7"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("no %q in: %v", field, err)
		}
	}
}
