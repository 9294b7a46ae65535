package transport

import (
	"net/http"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
)

// book counts and logs what became of an envelope.
func (t *Transport) book(a *attempt) {
	t.stats.do(func(s *statistics) {
		s.Envelopes++
		s.AttachmentsDropped += int64(a.AttachmentsDropped)
		if a.Over {
			s.Oversized++
		}
		if a.conceded != asItFits {
			s.Resent++
		}
		for _, o := range a.Profiles {
			s.count(o)
		}
	})
	for _, o := range a.Profiles {
		switch {
		case o.Gone:
			t.log.warn("a profile was left out", "why", o.Reason.String())
		case o.Step != compact.Lossless:
			t.log.warn("a profile was reduced to fit", "by", o.Step.String())
		case o.Cut:
			t.log.warn("samples beyond 30 s were cut from a profile; the relay would have refused it")
		}
	}
	if a.AttachmentsDropped > 0 {
		t.log.warn("attachments were left out", "attachments", a.AttachmentsDropped)
	}
	if a.Over {
		t.log.warn("an envelope is over its budget and was sent nevertheless", "wire_bytes", a.Wire)
	}
	t.cfg.Logger.Debug("leakguard: sentryhook: envelope", "bytes_in", a.In, "bytes_out", a.Out, "wire_bytes", a.Wire, "resent", a.conceded != asItFits)
}

// bookAnswer counts and logs a request that was not accepted.
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
