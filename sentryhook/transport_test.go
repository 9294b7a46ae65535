package sentryhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// What is not understood is passed on, byte for byte and uncompressed.
func TestMalformedIsPassedOn(t *testing.T) {
	whole := string(envelopeOf(scene(1)))
	for name, body := range map[string]string{
		"no JSON":           "hello\nworld",
		"header array":      "[]\n{\"type\":\"event\"}\n{}",
		"no type":           "{}\n{\"length\":2}\n{}\n",
		"type is no string": "{}\n{\"type\":1}\n{}\n",
		"length too long":   "{}\n{\"type\":\"event\",\"length\":1000}\n{}\n",
		"length negative":   "{}\n{\"type\":\"event\",\"length\":-1}\n{}\n",
		"length huge":       "{}\n{\"type\":\"event\",\"length\":99999999999999999999}\n{}\n",
		"length too short":  "{}\n{\"type\":\"event\",\"length\":1}\n{}\n",
		"length twice":      "{}\n{\"type\":\"event\",\"length\":2,\"length\":1}\n{}\n",
		"cut short":         whole[:len(whole)/2],
		"NUL bytes":         strings.Repeat("\x00", 5000),
		"deep":              strings.Repeat("[", 100_000),
		"deep header":       "{\"a\":" + strings.Repeat("{\"a\":", 1_000) + "\n",
		"long header":       "{\"a\":\"" + strings.Repeat("x", 20_000) + "\"}\n",
		"many items":        "{}\n" + strings.Repeat("{\"type\":\"event\"}\n{}\n", 300),
	} {
		r := newRelay(t, 0)
		tr := newTransport(t, TransportConfig{})
		r.answer = func(w http.ResponseWriter, _ int) bool { w.WriteHeader(http.StatusTeapot); return true }
		if resp := r.post(t, tr, []byte(body)); resp.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %s", name, resp.Status)
		}
		r.mu.Lock()
		got := r.got[0]
		r.mu.Unlock()
		if string(got.body) != body || got.gzip {
			t.Errorf("%s: sent as %.100s", name, got.body)
		}
		if s := tr.Stats(); s.PassedOn != 1 || s.Envelopes != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A profile that is JSON of another kind, or none at all, stays within its
// budget and goes beyond it. Its transaction stays in any case.
func TestForeignProfile(t *testing.T) {
	usual := string(scene(0.2))
	for name, profile := range map[string]string{
		"truncated":         usual[:len(usual)-10],
		"truncated samples": usual[:len(usual)/2],
		"behind the end":    usual + "{}",
		"deep":              `{"version":"1","profile":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}",
		"duplicate key":     strings.Replace(usual, `"samples":`, `"samples":[],"samples":`, 1),
		"duplicate version": strings.Replace(usual, `"version":"1"`, `"version":"1","version":"1"`, 1),
		"escaped key":       strings.Replace(usual, `"samples":`, `"s\u0061mples":`, 1),
		"index too large":   strings.Replace(usual, `"stack_id":`, `"stack_id":99999999999999`, 1),
		"no such stack":     strings.Replace(usual, `"stack_id":`, `"stack_id":1000`, 1),
		"negative index":    strings.Replace(usual, `"stack_id":`, `"stack_id":-`, 1),
		"fraction":          strings.Replace(usual, `"elapsed_since_start_ns":`, `"elapsed_since_start_ns":0.`, 1),
		"leading zero":      strings.Replace(usual, `"elapsed_since_start_ns":`, `"elapsed_since_start_ns":00`, 1),
		"version 2":         strings.Replace(usual, `"version":"1"`, `"version":"2"`, 1),
		"window":            strings.Replace(usual, `"active_thread_id":7`, `"active_thread_id":7,"relative_end_ns":5`, 1),
		"no active thread":  strings.Replace(usual, `"active_thread_id":7,`, ``, 1),
		"frames no objects": `{"version":"1","profile":{"frames":[1],"stacks":[[0]],"samples":[]},"transaction":{"active_thread_id":1}}`,
		"NUL":               "{\x00}",
		"no newline":        strings.Repeat("x", 300),
	} {
		if profile == usual {
			t.Errorf("%s: not changed, tests nothing", name)
		}
		body := envelopeOf([]byte(profile))
		r := newRelay(t, 0)
		tr := newTransport(t, TransportConfig{})
		r.post(t, tr, body)
		if got := r.last(t); !bytes.Equal(got.body, body) {
			t.Errorf("%s: changed", name)
		}
		tr = newTransport(t, TransportConfig{ProfileBytes: leastBudget})
		r.post(t, tr, body)
		got := r.last(t)
		want := len(profile) <= leastBudget
		if (got.item("profile") != nil) != want || got.item("transaction") == nil {
			t.Errorf("%s, over budget: %d items", name, len(got.items))
		}
		if s := countsAddUp(t, tr); !want && s.Dropped[DroppedTooLarge] != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Invalid UTF-8 is no reason not to compact: nothing decodes it.
func TestInvalidUTF8(t *testing.T) {
	profile := bytes.Replace(scene(1), []byte("(*server).handle1"), []byte("\xff\xfe\"\\\"\x00"), 1)
	profile = bytes.Replace(profile, []byte("\"\\\"\x00"), []byte("\\\"\x00"), 1)
	if _, out := compacted(t, profile, 0); out == nil || len(out) > len(profile)/4 {
		t.Errorf("%d bytes became %d", len(profile), len(out))
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

// spyBody is a body that says what was done with it.
type spyBody struct {
	io.Reader
	closed int
}

func (b *spyBody) Close() error { b.closed++; return nil }

func TestRoundTripperContract(t *testing.T) {
	profile := envelopeOf(scene(1))
	r := newRelay(t, 0)
	for _, body := range [][]byte{profile, envelopeOf(nil), []byte("malformed")} {
		for _, getBody := range []string{"pieces", "whole", "none"} {
			for _, noGzip := range []bool{false, true} {
				name := fmt.Sprintf("%.9s, GetBody %s, NoGzip %v", body, getBody, noGzip)
				spy := &spyBody{Reader: bytes.NewReader(body)}
				req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", spy)
				req.ContentLength = int64(len(body))
				switch getBody {
				case "whole":
					req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
				case "pieces":
					req.GetBody = func() (io.ReadCloser, error) {
						return struct{ io.ReadCloser }{io.NopCloser(bytes.NewReader(body))}, nil
					}
				}
				req.Header.Set("X-Test", "kept")
				header, length := req.Header.Clone(), req.ContentLength
				var sent *http.Request
				tr, err := NewTransport(roundTripFunc(func(out *http.Request) (*http.Response, error) {
					sent = out
					// As net/http may: read twice.
					again, err := out.GetBody()
					if err != nil {
						t.Fatal(err)
					}
					one, err1 := io.ReadAll(out.Body)
					two, err2 := io.ReadAll(again)
					if err1 != nil || err2 != nil || !bytes.Equal(one, two) || int64(len(one)) != out.ContentLength {
						t.Errorf("%s: bodies of %d and %d bytes, length %d, %v, %v", name, len(one), len(two), out.ContentLength, err1, err2)
					}
					out.Body.Close()
					out.Header.Set("X-Changed", "by the base")
					return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
				}), TransportConfig{NoGzip: noGzip, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tr.RoundTrip(req); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if spy.closed == 0 {
					t.Errorf("%s: the body was not closed", name)
				}
				if fmt.Sprint(req.Header) != fmt.Sprint(header) || req.ContentLength != length || req.Body != io.ReadCloser(spy) {
					t.Errorf("%s: the request was changed", name)
				}
				if sent.Header.Get("X-Test") != "kept" || sent.Context() != req.Context() {
					t.Errorf("%s: a header or the context was lost", name)
				}
			}
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWithoutGetBody(t *testing.T) {
	body := envelopeOf(scene(1))
	for _, length := range []int64{int64(len(body)), -1} {
		for _, buffer := range []int64{int64(len(body)), int64(len(body)) - 1} {
			r := newRelay(t, 0)
			tr := newTransport(t, TransportConfig{BufferBytes: buffer})
			req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", io.NopCloser(bytes.NewReader(body)))
			req.ContentLength = length
			resp, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			got := r.last(t)
			if fits := buffer == int64(len(body)); fits == bytes.Equal(got.body, body) {
				t.Errorf("length %d, buffer %d of %d: %d bytes sent", length, buffer, len(body), len(got.body))
			}
			if s := tr.Stats(); s.Envelopes+s.PassedOn != 1 {
				t.Errorf("%+v", s)
			}
		}
	}
}

func TestUnreadableBody(t *testing.T) {
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{})
	spy := &spyBody{Reader: failingReader{io.ErrUnexpectedEOF}}
	req, _ := http.NewRequest(http.MethodPost, r.URL+"/api/1/envelope/", spy)
	if _, err := tr.RoundTrip(req); !errors.Is(err, io.ErrUnexpectedEOF) || spy.closed == 0 {
		t.Errorf("%v, closed %d times", err, spy.closed)
	}
}

func TestCancelledContext(t *testing.T) {
	r := newRelay(t, 0)
	tr := newTransport(t, TransportConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spy := &spyBody{Reader: bytes.NewReader(envelopeOf(scene(1)))}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/1/envelope/", spy)
	if _, err := tr.RoundTrip(req); !errors.Is(err, context.Canceled) || spy.closed == 0 {
		t.Errorf("%v, closed %d times", err, spy.closed)
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests sent", n)
	}
}

func TestBaseError(t *testing.T) {
	failure := errors.New("no route")
	tr, _ := NewTransport(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		r.Body.Close()
		return nil, failure
	}), TransportConfig{Logger: slog.New(slog.DiscardHandler)})
	req, _ := http.NewRequest(http.MethodPost, "http://127.0.0.1/api/1/envelope/", bytes.NewReader(envelopeOf(scene(1))))
	if _, err := tr.RoundTrip(req); !errors.Is(err, failure) {
		t.Error(err)
	}
	if s := countsAddUp(t, tr); s.Profiles != 1 {
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
