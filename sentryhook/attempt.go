package sentryhook

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// attempt is an envelope as it is sent: sizes and outcomes, without the body.
type attempt struct {
	payload            *payload // nil: as it came
	in, out, wire      int64
	profile            int64 // bytes of profiles
	over               bool
	outcomes           []outcome // of the profiles
	attachments        int
	attachmentsDropped int
	resent             bool
}

// outcome is what became of a profile.
type outcome struct {
	gone      bool
	reason    DropReason
	step      step
	unchanged bool
	cut       bool
}

// attempt notes what was decided and lets go of the body.
func (f *fitting) attempt(src *source) *attempt {
	a := &attempt{
		payload: f.payload(src), in: int64(len(f.p)), out: f.size(f.p), over: f.over, profile: f.profileBytes(),
	}
	a.wire = a.out
	if a.payload != nil {
		a.wire = a.payload.size
	}
	for i := range f.items {
		it := &f.items[i]
		switch {
		case it.profile():
			o := outcome{gone: it.gone, reason: f.dropped[it], unchanged: true}
			if c := it.compaction; c != nil {
				o.step, o.unchanged, o.cut = c.step, c.unchanged, c.cut > 0
			}
			a.outcomes = append(a.outcomes, o)
		case it.attachment() && it.gone:
			a.attachmentsDropped++
		case it.attachment():
			a.attachments++
		}
	}
	return a
}

// book counts and logs what became of an envelope.
func (t *Transport) book(a *attempt) {
	t.stats.do(func(s *statistics) {
		s.Envelopes++
		s.AttachmentsDropped += int64(a.attachmentsDropped)
		if a.over {
			s.Oversized++
		}
		if a.resent {
			s.Resent++
		}
		for _, o := range a.outcomes {
			s.count(o)
		}
	})
	for _, o := range a.outcomes {
		switch {
		case o.gone:
			t.log.warn("a profile was left out", "why", o.reason.String())
		case o.step != lossless:
			t.log.warn("a profile was reduced to fit", "by", o.step.String())
		case o.cut:
			t.log.warn("samples beyond 30 s were cut from a profile, which the relay would have refused")
		}
	}
	if a.attachmentsDropped > 0 {
		t.log.warn("attachments were left out", "attachments", a.attachmentsDropped)
	}
	if a.over {
		t.log.warn("an envelope is over its budget and was sent all the same", "wire_bytes", a.wire)
	}
	t.cfg.Logger.Debug("leakguard: sentryhook: envelope", "bytes_in", a.in, "bytes_out", a.out, "wire_bytes", a.wire, "resent", a.resent)
}

// bookAnswer counts and logs a request that did not arrive.
func (t *Transport) bookAnswer(resp *http.Response, err error) {
	switch {
	case err != nil:
		t.stats.do(func(s *statistics) { s.Failed++ })
		t.log.warn("a request got no answer; the SDK does not send it again", "error", err)
	case resp.StatusCode >= http.StatusBadRequest:
		t.stats.do(func(s *statistics) {
			if s.refused == nil {
				s.refused = make(map[int]int64)
			}
			s.refused[resp.StatusCode]++
		})
		t.log.warn("a request was refused; the SDK does not send it again", "status", resp.StatusCode)
	}
}

// losses logs each kind of loss once a minute at most.
type losses struct {
	logger *slog.Logger
	mu     sync.Mutex
	last   map[string]time.Time // by message, of which there are a few
}

func newLosses(logger *slog.Logger) *losses {
	return &losses{logger: logger, last: make(map[string]time.Time)}
}

func (l *losses) warn(msg string, args ...any) {
	now := time.Now()
	l.mu.Lock()
	quiet := now.Sub(l.last[msg]) < time.Minute
	if !quiet {
		l.last[msg] = now
	}
	l.mu.Unlock()
	if !quiet {
		l.logger.Warn("leakguard: sentryhook: "+msg, args...)
	}
}
