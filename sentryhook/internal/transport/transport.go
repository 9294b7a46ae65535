package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/receipt"
)

// Transport is an [http.RoundTripper] that makes envelopes fit; see the package's
// documentation, and sentryhook.Transport.
type Transport struct {
	base  http.RoundTripper
	cfg   Config
	rate  *byteRate
	hosts *hosts
	stats statistics
	log   *losses
}

// New returns a transport that sends with base, nil for [http.DefaultTransport]. The
// error names every fault of the configuration.
func New(base http.RoundTripper, cfg Config) (*Transport, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if base == nil {
		base = http.DefaultTransport
	}
	cfg = cfg.withDefaults()
	return &Transport{
		base: base, cfg: cfg,
		rate:  newByteRate(cfg.ProfileBytesPerMinute),
		hosts: newHosts(cfg),
		log:   newLosses(cfg.Logger),
	}, nil
}

// RoundTrip sends a request. If it carries an envelope, the envelope is made to fit
// first, in a request of its own. If the server says that it was too large, it is sent
// again with less; see concession.
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
	// From here on the bytes come from src, and each request has a body of its own.
	req.Body.Close()
	a, err := t.prepare(req, src, nil, asItFits)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return t.passOn(request(req, src, nil), "not understood")
	}
	resp, err := t.send(req, src, a)
	for err == nil && refusedForSize(resp) {
		next := t.concede(req, src, a)
		if next == nil {
			break
		}
		// A connection whose body was read can be used again. net/http does the same
		// before it follows a redirect.
		io.CopyN(io.Discard, resp.Body, 4<<10)
		resp.Body.Close()
		refused := a
		a = next
		if resp, err = t.send(req, src, a); err == nil && resp.StatusCode/100 == 2 {
			t.hosts.learn(req.URL.Host, refused, a, time.Now())
		}
	}
	if r := receipt.From(req.Context()); r != nil {
		r.Fill(a.AttachmentsDropped, a.conceded == noAttachments)
	}
	t.book(a)
	return resp, err
}

// attempt is an envelope as it is sent.
type attempt struct {
	*envelope.Result
	conceded concession
}

// prepare makes the request's envelope fit. It returns nil for what is not
// understood, and an error only if the body cannot be read or the request's context
// is done. If the envelope was refused before, that was the attempt refused, and the
// concession is made in addition to those that were made for that one.
func (t *Transport) prepare(req *http.Request, src *source, refused *attempt, c concession) (a *attempt, err error) {
	now := time.Now()
	b := envelope.Budgets{Envelope: t.cfg.EnvelopeBytes, Attachments: t.cfg.AttachmentBytes, Gzip: !t.cfg.NoGzip}
	b.Wire, b.Profile = t.hosts.budget(req.URL.Host, now)
	var ban *envelope.DropReason
	if t.hosts.limited(project(req), now) {
		ban = ptr(envelope.ByRelay)
	}
	if refused != nil {
		ban = c.apply(&b, refused, ban)
	}
	folder := ""
	if r := receipt.From(req.Context()); r != nil {
		folder = r.Folder
	}
	err = envelope.Recovered(func() error {
		return src.Use(func(p []byte) error {
			f, ok := envelope.Read(p, b, ban)
			if !ok {
				return nil
			}
			f.Folder = folder
			if err := f.Fit(req.Context()); err != nil {
				return err
			}
			if n := f.ProfileBytes(); n > 0 && !t.rate.take(n, now) {
				if err := f.DropProfiles(req.Context(), envelope.ByRate); err != nil {
					return err
				}
			}
			a = &attempt{f.Result(src), c}
			return nil
		})
	})
	var fault *envelope.Panic
	if errors.As(err, &fault) {
		t.cfg.Logger.Error("leakguard: sentryhook: a panic while an envelope was read; it is passed on as it is", "error", err)
		return nil, nil
	}
	return a, err
}

func ptr[T any](v T) *T { return &v }

// send sends an attempt, and remembers what the response says about the host.
func (t *Transport) send(req *http.Request, src *source, a *attempt) (*http.Response, error) {
	t.stats.do(func(s *statistics) {
		s.BytesIn += a.In
		s.BytesOut += a.Out
		s.WireBytesOut += a.Wire
	})
	resp, err := t.base.RoundTrip(request(req, src, a.Payload))
	if err == nil {
		now := time.Now()
		if d := profileLimit(resp, now); d > 0 {
			t.hosts.limit(project(req), now.Add(d))
		}
		if resp.StatusCode/100 == 2 {
			t.hosts.passed(req.URL.Host, a, now)
		}
	}
	return resp, err
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

// CloseIdleConnections closes the idle connections of the base, if that can do so.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}
