package sentryhook

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// newTransport returns a transport that logs nothing.
func newTransport(t testing.TB, cfg TransportConfig) *Transport {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	tr, err := NewTransport(nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// noise returns n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// small returns a profile in which there is nothing to compact.
func small() []byte {
	return generate(rand.New(rand.NewPCG(3, 3)), profileShape{
		threads: 1, ticks: 3, period: 9_900_990, frames: 1, stacks: 1, depth: 1, threadsNotSaved: true,
	})
}

func scene(seconds float64) []byte {
	return generate(rand.New(rand.NewPCG(5, 5)), crowd(200, seconds))
}

// countsAddUp checks that no profile is counted twice or not at all.
func countsAddUp(t testing.TB, tr *Transport) TransportStats {
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
	profile := generate(rand.New(rand.NewPCG(1, 1)), crowd(1000, 10))
	r := newRelay(t, 1<<20)
	body := envelopeOf(profile)
	if resp := r.post(t, http.DefaultTransport, body); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("without the transport: %s, and this test tests nothing", resp.Status)
	}
	tr := newTransport(t, TransportConfig{})
	if resp := r.post(t, tr, body); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	got := r.last(t)
	out := got.item("profile")
	if _, err := relayAccepts(out); err != nil {
		t.Fatalf("Relay: %v", err)
	}
	was, err := callTrees(profile)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := callTrees(out); err != nil || is != was {
		t.Errorf("the call trees changed: %v", err)
	}
	if got.item("transaction") == nil || got.auth == "" {
		t.Error("the transaction or a header was lost")
	}
	if len(out) > 500_000 || got.wire > 500_000 || !got.gzip {
		t.Errorf("%d bytes, %d on the wire: want 0.5 MB at most", len(out), got.wire)
	}
	s := countsAddUp(t, tr)
	if s.Compacted != 1 || s.BytesIn != int64(len(body)) || s.BytesOut != int64(len(got.body)) || s.WireBytesOut != got.wire {
		t.Errorf("stats: %+v", s)
	}
	t.Logf("%.1f MB -> %.0f kB decompressed, %.0f kB on the wire", float64(len(body))/1e6, float64(len(got.body))/1e3, float64(got.wire)/1e3)
}

func TestUnchangedByteForByte(t *testing.T) {
	attachment := envelopeOf(nil)
	var b bytes.Buffer
	b.Write(attachment)
	addItem(&b, "attachment", "a.bin", noise(3000))
	for name, body := range map[string][]byte{
		"transaction":     envelopeOf(nil),
		"small profile":   envelopeOf(small()),
		"attachment":      b.Bytes(),
		"no length":       []byte("{}\n{\"type\":\"event\"}\n{\"message\":\"x\"}"),
		"null length":     []byte("{}\n{\"type\":\"event\",\"length\":null}\n{}\n"),
		"empty lines":     append(envelopeOf(small()), "\n\n\n"...),
		"unknown items":   []byte("{}\n{\"type\":\"session\"}\n{}\n{\"type\":\"client_report\",\"length\":2}\n{}\n"),
		"foreign profile": envelopeOf([]byte(`{"version":"2","profile":{}}`)),
		"chunk":           []byte("{}\n{\"type\":\"profile_chunk\",\"length\":2}\n{}\n"),
	} {
		for _, noGzip := range []bool{false, true} {
			r := newRelay(t, 0)
			tr := newTransport(t, TransportConfig{NoGzip: noGzip})
			r.post(t, tr, body)
			if got := r.last(t); !bytes.Equal(got.body, body) || noGzip && got.gzip {
				t.Errorf("%s, NoGzip %v: changed to\n%s", name, noGzip, got.body)
			}
			if s := countsAddUp(t, tr); s.Envelopes != 1 || s.PassedOn != 0 || s.Unchanged != s.Profiles {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestNotAnEnvelope(t *testing.T) {
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{})
	for _, c := range []struct{ method, contentType, encoding string }{
		{http.MethodPost, "application/json", ""},
		{http.MethodPut, "application/x-sentry-envelope", ""},
		{http.MethodPost, "application/x-sentry-envelope", "br"},
		{http.MethodGet, "", ""},
	} {
		req, _ := http.NewRequest(c.method, r.URL+"/x", bytes.NewReader(envelopeOf(scene(1))))
		req.Header.Set("Content-Type", c.contentType)
		if c.encoding != "" {
			req.Header.Set("Content-Encoding", c.encoding)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := r.last(t); !bytes.Equal(got.body, envelopeOf(scene(1))) {
			t.Errorf("%v: changed", c)
		}
	}
	if s := tr.Stats(); s.PassedOn != 4 || s.Requests != 4 {
		t.Errorf("%+v", s)
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{})
	body := envelopeOf(scene(0.5))
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
	first := r.requests()[0].body
	for _, got := range r.requests() {
		if got.status != 200 || !bytes.Equal(got.body, first) {
			t.Fatalf("status %d, %d bytes instead of %d", got.status, len(got.body), len(first))
		}
	}
	if s := countsAddUp(t, tr); s.Compacted != 40 {
		t.Errorf("%+v", s)
	}
}

// A fault of ours while an envelope is read costs nothing but the saving.
func TestOwnPanic(t *testing.T) {
	err := recovered(func() error { panic("oops") })
	var fault *panicked
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "oops") {
		t.Errorf("%v", err)
	}
}

func TestConfigFaults(t *testing.T) {
	_, err := NewTransport(nil, TransportConfig{
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
