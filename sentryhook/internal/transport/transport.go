package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
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
		hosts: newHosts(),
		log:   newLosses(cfg.Logger),
	}, nil
}

// RoundTrip sends a request. If it carries an envelope, the envelope is made to fit
// first, in a request of its own, and sent again without its profile if the server
// says that it was too large.
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
	a, err := t.prepare(req, src, nil)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return t.passOn(request(req, src, nil), "not understood")
	}
	resp, err := t.send(req, src, a)
	if err != nil || !refusedForSize(resp) {
		t.book(a)
		return resp, err
	}
	return t.sendAgain(req, src, a, resp)
}

// attempt is an envelope as it is sent.
type attempt struct {
	*envelope.Result
	resent bool
}

// prepare makes the request's envelope fit. It returns nil for what is not
// understood, and an error only if the body cannot be read or the request's context
// is done. Unless ban is nil, no profile may be sent, for that reason.
func (t *Transport) prepare(req *http.Request, src *source, ban *envelope.DropReason) (a *attempt, err error) {
	now := time.Now()
	b := envelope.Budgets{Envelope: t.cfg.EnvelopeBytes, Attachments: t.cfg.AttachmentBytes, Gzip: !t.cfg.NoGzip}
	b.Wire, b.Profile = t.hosts.budget(req.URL.Host, t.cfg.WireBytes, t.cfg.ProfileBytes, now)
	if ban == nil && t.hosts.limited(project(req), now) {
		reason := envelope.ByRelay
		ban = &reason
	}
	err = envelope.Recovered(func() error {
		return src.Use(func(p []byte) error {
			f, ok := envelope.Read(p, b, ban)
			if !ok {
				return nil
			}
			defer f.Release()
			if err := f.Fit(req.Context()); err != nil {
				return err
			}
			if n := f.ProfileBytes(); n > 0 && !t.rate.take(n, now) {
				f.DropProfiles(envelope.ByRate)
			}
			a = &attempt{Result: f.Result(src)}
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

// send sends an attempt, and remembers the rate limits in the response.
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
	}
	return resp, err
}

// sendAgain sends an envelope that was refused for its size once more, if something in
// it can be left out.
func (t *Transport) sendAgain(req *http.Request, src *source, a *attempt, resp *http.Response) (*http.Response, error) {
	if a.Profile == 0 && a.Attachments == 0 || req.Context().Err() != nil {
		t.book(a)
		return resp, nil
	}
	now := time.Now()
	t.hosts.refused(req.URL.Host, a.Wire, a.Profile, now, now.Add(t.cfg.LearnFor))
	reason := envelope.OnRefusal
	for _, o := range a.Profiles {
		if o.Gone {
			reason = o.Reason
		}
	}
	again, err := t.prepare(req, src, &reason)
	if err != nil || again == nil {
		t.book(a)
		return resp, nil
	}
	// A connection whose body was read can be used again. net/http does the same
	// before it follows a redirect.
	io.CopyN(io.Discard, resp.Body, 4<<10)
	resp.Body.Close()
	again.resent = true
	resp, err = t.send(req, src, again)
	t.book(again)
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
