package transport

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// refusing is a base that answers each envelope by its wire size, and records the sizes
// and whether there was a profile.
type refusing struct {
	limit   int64
	status  int
	say     string
	header  http.Header
	wires   []int64
	profile []bool
}

func (b *refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	got, _ := relaytest.Judge(req, 0)
	req.Body.Close()
	b.wires = append(b.wires, got.Wire)
	b.profile = append(b.profile, got.Item("profile") != nil)
	resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: req}
	if got.Wire > b.limit {
		resp.StatusCode, resp.Body = b.status, io.NopCloser(strings.NewReader(b.say))
	}
	if b.header != nil {
		resp.Header = b.header
	}
	return resp, nil
}

func post(t *testing.T, tr *Transport, url string, body []byte) *http.Response {
	t.Helper()
	req, _ := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/x-sentry-envelope")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const relayURL = "http://relay.example/api/1/envelope/"

func TestLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &refusing{limit: 60_000, status: http.StatusRequestEntityTooLarge}
		tr, _ := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
		body := relaytest.Envelope(relaytest.Busy())
		if resp := post(t, tr, relayURL, body); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		if fmt.Sprint(base.profile) != "[true false]" {
			t.Fatalf("sent with a profile: %v", base.profile)
		}
		s := countsAddUp(t, tr)
		learned := s.Learned["relay.example"]
		if s.Resent != 1 || s.Dropped[envelope.OnRefusal] != 1 || s.Envelopes != 1 || learned.WireBytes != base.wires[0]/2 || learned.ProfileBytes == 0 {
			t.Fatalf("%+v", s)
		}
		// Until it fits, each refusal halves it again.
		for range 6 {
			post(t, tr, relayURL, body)
		}
		last := len(base.wires) - 1
		if !base.profile[last] || base.wires[last] > base.limit {
			t.Errorf("%d bytes at last, profile %v", base.wires[last], base.profile)
		}
		// Other hosts are not touched.
		n := len(base.wires)
		post(t, tr, "http://other.example/api/1/envelope/", body)
		if base.wires[n] != base.wires[0] {
			t.Errorf("another host got %d bytes, want %d", base.wires[n], base.wires[0])
		}
		// It is forgotten.
		time.Sleep(10*time.Minute + time.Second)
		if l := tr.Stats().Learned; len(l) != 0 {
			t.Errorf("still learned: %v", l)
		}
		n = len(base.wires)
		post(t, tr, relayURL, body)
		if base.wires[n] != base.wires[0] {
			t.Errorf("%d bytes after a while, want %d", base.wires[n], base.wires[0])
		}
		countsAddUp(t, tr)
	})
}

func TestRefusalForSize(t *testing.T) {
	for _, c := range []struct {
		status int
		say    string
		resent bool
	}{
		{413, "", true},
		{400, `{"detail":"failed to read request body","causes":["payload reached size limit"]}`, true},
		{400, `{"detail":"envelope exceeds size limits for type 'profile'"}`, true},
		{400, `{"detail":"bad envelope"}`, false},
		{500, "too large", false},
		{200, "too large", false},
	} {
		base := &refusing{limit: 20_000, status: c.status, say: c.say}
		tr, _ := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
		resp := post(t, tr, relayURL, relaytest.Envelope(relaytest.Busy()))
		if got := len(base.wires) == 2; got != c.resent {
			t.Errorf("%d %s: sent %d times", c.status, c.say, len(base.wires))
		}
		if !c.resent {
			// The caller reads what the relay said.
			if said, _ := io.ReadAll(resp.Body); string(said) != c.say || resp.StatusCode != c.status {
				t.Errorf("%d %q reached the caller, want %d %q", resp.StatusCode, said, c.status, c.say)
			}
		}
		countsAddUp(t, tr)
	}
}

// Without a profile or an attachment nothing can be left out, so nothing is sent again.
func TestRefusalOfEvent(t *testing.T) {
	base := &refusing{limit: 0, status: 413}
	tr, _ := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
	if resp := post(t, tr, relayURL, relaytest.Envelope(nil)); resp.StatusCode != 413 || len(base.wires) != 1 {
		t.Errorf("status %d, sent %d times", resp.StatusCode, len(base.wires))
	}
	if s := tr.Stats(); len(s.Learned) != 0 || s.Resent != 0 {
		t.Errorf("%+v", s)
	}
	// Attachments are left out until half of it is enough.
	post(t, tr, relayURL, relaytest.WithAttachments("{}", 40_000, 30_000, 30_000))
	if len(base.wires) != 3 || base.wires[2] > base.wires[1]/2 {
		t.Errorf("sent %v bytes", base.wires)
	}
	if s := tr.Stats(); s.AttachmentsDropped == 0 || s.Resent != 1 {
		t.Errorf("%+v", s)
	}
}

func TestRateLimitsOfRelay(t *testing.T) {
	for _, c := range []struct {
		status int
		header http.Header
		want   time.Duration
	}{
		{200, http.Header{}, 0},
		{200, http.Header{"X-Sentry-Rate-Limits": {"60:profile:organization"}}, time.Minute},
		{200, http.Header{"X-Sentry-Rate-Limits": {"60:error;transaction:key", "5:profile:key , 70:replay;profile:project:reason"}}, 70 * time.Second},
		{429, http.Header{"X-Sentry-Rate-Limits": {"60:error:key"}, "Retry-After": {"90"}}, 0},
		{429, http.Header{"X-Sentry-Rate-Limits": {"60::key"}}, time.Minute},
		{429, http.Header{"X-Sentry-Rate-Limits": {"x:profile,,:, 3:PROFILE"}}, 3 * time.Second},
		{429, http.Header{"Retry-After": {"90"}}, 90 * time.Second},
		{429, http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}, time.Hour},
		{429, http.Header{}, time.Minute},
		{429, http.Header{"Retry-After": {"1e300"}}, 24 * time.Hour},
		{429, http.Header{"Retry-After": {"-5"}}, 0},
	} {
		got := profileLimit(&http.Response{StatusCode: c.status, Header: c.header}, time.Now())
		if d := got - c.want; d < -2*time.Second || d > 0 {
			t.Errorf("%d %v: %v, want %v", c.status, c.header, got, c.want)
		}
	}

	synctest.Test(t, func(t *testing.T) {
		base := &refusing{limit: 1 << 20, header: http.Header{"X-Sentry-Rate-Limits": {"60:profile:key"}}}
		tr, _ := New(base, Config{Logger: slog.New(slog.DiscardHandler)})
		body := relaytest.Envelope(relaytest.Scene(1))
		post(t, tr, relayURL, body)
		base.header = nil
		post(t, tr, relayURL, body)
		post(t, tr, "http://relay.example/api/2/envelope/", body) // another project
		time.Sleep(61 * time.Second)
		post(t, tr, relayURL, body)
		if fmt.Sprint(base.profile) != "[true false true true]" {
			t.Errorf("sent with a profile: %v", base.profile)
		}
		if s := countsAddUp(t, tr); s.Dropped[envelope.ByRelay] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRateBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := compacted(t, relaytest.Scene(1))
		base := &refusing{limit: 1 << 20}
		tr, _ := New(base, Config{ProfileBytesPerMinute: int64(len(out)) * 2, Logger: slog.New(slog.DiscardHandler)})
		for range 4 {
			post(t, tr, relayURL, relaytest.Envelope(relaytest.Scene(1)))
		}
		time.Sleep(30 * time.Second) // half of two
		post(t, tr, relayURL, relaytest.Envelope(relaytest.Scene(1)))
		post(t, tr, relayURL, relaytest.Envelope(relaytest.Scene(1)))
		time.Sleep(time.Hour) // no more than a minute's worth
		for range 3 {
			post(t, tr, relayURL, relaytest.Envelope(relaytest.Scene(1)))
		}
		if fmt.Sprint(base.profile) != "[true true false false true false true true false]" {
			t.Errorf("sent with a profile: %v", base.profile)
		}
		if s := countsAddUp(t, tr); s.Dropped[envelope.ByRate] != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestHostsAreBounded(t *testing.T) {
	h := newHosts(Config{LearnFor: time.Hour})
	now := time.Now()
	for i := range 1000 {
		at := now.Add(time.Duration(i+1) * time.Second)
		h.learn(fmt.Sprint(i), sized(1<<20, asItFits), sized(1000, noProfiles), at)
		h.limit(fmt.Sprint(i), at.Add(time.Hour))
		h.passed(fmt.Sprint("passes ", i), sized(2<<20, asItFits), at)
	}
	if len(h.known) > mostHosts || len(h.limits) > mostHosts {
		t.Errorf("%d hosts, %d limits", len(h.known), len(h.limits))
	}
	if w, _ := h.budget("999", now.Add(time.Hour)); w.Profile != 1<<19 || !h.limited("999", now) {
		t.Error("the newest was forgotten")
	}
}

// sized is an attempt of so many bytes on the wire.
func sized(wire int64, c concession) *attempt {
	return &attempt{&envelope.Result{Wire: wire, Out: wire}, c}
}
