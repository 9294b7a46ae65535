package sentryhook

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Transport is an [http.RoundTripper] for [sentry.ClientOptions.HTTPTransport].
// It makes envelopes fit what proxies and Relay accept; see the package's
// documentation. It may be used by several goroutines.
type Transport struct {
	base  http.RoundTripper
	cfg   TransportConfig
	rate  byteBucket
	hosts *hosts
	stats statistics
	log   *losses
}

// NewTransport returns a transport that sends with base, nil for
// [http.DefaultTransport]. Every fault of the configuration is in the error.
//
// [Configure] is the shorter way, and keeps what the options say of proxies and
// certificates, which the SDK ignores once a transport is set.
func NewTransport(base http.RoundTripper, cfg TransportConfig) (*Transport, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if base == nil {
		base = http.DefaultTransport
	}
	cfg = cfg.withDefaults()
	return &Transport{
		base: base, cfg: cfg,
		rate:  byteBucket{perMinute: float64(cfg.ProfileBytesPerMinute)},
		hosts: newHosts(),
		log:   newLosses(cfg.Logger),
	}, nil
}

// RoundTrip sends a request. An envelope is made to fit first, in a request of
// its own: the one given is not changed. What is not an envelope, or not a well
// formed one, is passed on as it is.
//
// It does what [http.RoundTripper] asks not to do: it reads the response. Where
// that says that the body was too large, the same envelope goes once more
// without its profile, and that response is returned: the SDKs do not try again,
// and the transaction would be lost.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.stats.do(func(s *statistics) { s.Requests++ })
	resp, err := t.roundTrip(req)
	t.bookAnswer(resp, err)
	return resp, err
}

func (t *Transport) roundTrip(req *http.Request) (*http.Response, error) {
	if !carriesEnvelope(req) {
		return t.passOn(req, "not an envelope")
	}
	src, rest, err := newSource(req, t.cfg.BufferBytes)
	if err != nil {
		closeBody(req)
		return nil, fmt.Errorf("sentryhook: read the request's body: %w", err)
	}
	if src == nil {
		req = withBody(req, func() io.ReadCloser { return rest }, req.ContentLength)
		req.GetBody = nil
		return t.passOn(req, "larger than BufferBytes, and not in one piece in memory")
	}
	// From here on the bytes come from src, and each request has its own body.
	req.Body.Close()
	a, err := t.prepare(req, src, nil)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return t.passOn(t.request(req, src, nil), "not understood")
	}
	resp, err := t.send(req, src, a)
	if err != nil || !refusedForSize(resp) {
		t.book(a)
		return resp, err
	}
	return t.sendAgain(req, src, a, resp)
}

// prepare makes the request's envelope fit. It returns nil for what is not
// understood, and an error only if the body cannot be read or ctx is done.
func (t *Transport) prepare(req *http.Request, src *source, ban *DropReason) (a *attempt, err error) {
	now := time.Now()
	b := budgets{envelope: t.cfg.EnvelopeBytes, attachmentsSum: t.cfg.AttachmentBytes, gzip: !t.cfg.NoGzip}
	b.wire, b.profile = t.hosts.budget(req.URL.Host, t.cfg.WireBytes, t.cfg.ProfileBytes, now)
	if ban == nil && t.hosts.limited(project(req), now) {
		reason := DroppedByRelay
		ban = &reason
	}
	err = recovered(func() error {
		return src.use(func(p []byte) error {
			e, ok := readEnvelope(p)
			if !ok {
				return nil
			}
			f := &fitting{envelope: e, budgets: b, p: p, ban: ban}
			defer f.release()
			if err := f.fit(req.Context()); err != nil {
				return err
			}
			if n := f.profileBytes(); n > 0 && !t.rate.take(n, now) {
				f.dropProfiles(DroppedByRate)
			}
			a = f.attempt(src)
			return nil
		})
	})
	var fault *panicked
	if errors.As(err, &fault) {
		// A fault of ours must not cost the envelope.
		t.cfg.Logger.Error("leakguard: sentryhook: a fault while an envelope was read, it is passed on as it is", "error", err)
		return nil, nil
	}
	return a, err
}

// send sends an attempt and notes what the response says of rates.
func (t *Transport) send(req *http.Request, src *source, a *attempt) (*http.Response, error) {
	t.stats.do(func(s *statistics) {
		s.BytesIn += a.in
		s.BytesOut += a.out
		s.WireBytesOut += a.wire
	})
	resp, err := t.base.RoundTrip(t.request(req, src, a.payload))
	if err == nil {
		now := time.Now()
		if d := profileLimit(resp, now); d > 0 {
			t.hosts.limit(project(req), now.Add(d))
		}
	}
	return resp, err
}

// sendAgain sends an envelope that was refused for its size once more, if there
// is something in it that can be left out.
func (t *Transport) sendAgain(req *http.Request, src *source, a *attempt, resp *http.Response) (*http.Response, error) {
	if a.profile == 0 && a.attachments == 0 || req.Context().Err() != nil {
		t.book(a)
		return resp, nil
	}
	now := time.Now()
	t.hosts.refused(req.URL.Host, a.wire, a.profile, now, now.Add(t.cfg.LearnFor))
	reason := DroppedOnRefusal
	for _, o := range a.outcomes {
		if o.gone {
			reason = o.reason
		}
	}
	again, err := t.prepare(req, src, &reason)
	if err != nil || again == nil {
		t.book(a)
		return resp, nil
	}
	// As net/http does before it follows a redirect: a connection whose body
	// was read can be used again.
	io.CopyN(io.Discard, resp.Body, 4<<10)
	resp.Body.Close()
	again.resent = true
	resp, err = t.send(req, src, again)
	t.book(again)
	return resp, err
}

// request returns the request that is sent in place of req: the same with
// another body, nil for the one that came.
func (t *Transport) request(req *http.Request, src *source, body *payload) *http.Request {
	if body == nil {
		return withBody(req, src.read, src.size)
	}
	out := withBody(req, body.open, body.size)
	if body.gzip {
		out.Header.Set("Content-Encoding", "gzip")
	}
	return out
}

// passOn sends a request as it is.
func (t *Transport) passOn(req *http.Request, why string) (*http.Response, error) {
	t.stats.do(func(s *statistics) {
		s.PassedOn++
		if n := max(req.ContentLength, 0); n > 0 {
			s.BytesIn += n
			s.BytesOut += n
			s.WireBytesOut += n
		}
	})
	t.cfg.Logger.Debug("leakguard: sentryhook: passed on as it is", "why", why, "bytes", req.ContentLength)
	return t.base.RoundTrip(req)
}

// carriesEnvelope reports whether a request's body should be an envelope that
// can be read.
func carriesEnvelope(req *http.Request) bool {
	if req.Method != http.MethodPost || req.Body == nil || req.Body == http.NoBody || req.URL == nil {
		return false
	}
	if enc := req.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return false
	}
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return media == "application/x-sentry-envelope" || strings.HasSuffix(strings.TrimSuffix(req.URL.Path, "/"), "/envelope")
}

// project is what the relay's limits are for: the path names the project.
func project(req *http.Request) string { return req.URL.Host + req.URL.Path }

// withBody returns the request with another body.
func withBody(req *http.Request, open func() io.ReadCloser, size int64) *http.Request {
	out := req.Clone(req.Context())
	out.Body = open()
	out.GetBody = func() (io.ReadCloser, error) { return open(), nil }
	out.ContentLength = size
	out.TransferEncoding = nil
	if out.Header.Get("Content-Length") != "" {
		out.Header.Del("Content-Length")
	}
	return out
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
