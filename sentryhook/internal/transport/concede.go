package transport

import (
	"math"
	"net/http"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
)

const unlimited = math.MaxInt64

// concession is what an envelope gives up after it was refused for its size. Each one
// includes those before it. If the server then accepts the envelope, what was conceded
// last is what it had refused.
type concession int

const (
	asItFits      concession = iota
	packed                   // the body is compressed: a proxy counts bytes on the wire
	noProfiles               // profiles are left out
	noAttachments            // attachments are left out

	concessions // their number
)

// concede prepares the next smaller form of an envelope that was refused for its size. It
// returns nil if there is none.
func (t *Transport) concede(req *http.Request, src *source, refused *attempt) *attempt {
	for c := refused.conceded + 1; c < concessions; c++ {
		if !c.helps(refused, t.cfg.NoGzip) || req.Context().Err() != nil {
			continue
		}
		a, err := t.prepare(req, src, refused, c)
		if err != nil {
			return nil
		}
		if a != nil && a.Wire < refused.Wire {
			return a
		}
	}
	return nil
}

// helps reports whether a refused attempt has what the concession gives up.
func (c concession) helps(refused *attempt, noGzip bool) bool {
	switch c {
	case packed:
		return !noGzip && !refused.Packed() && refused.Profile == 0
	case noProfiles:
		return refused.Profile > 0
	}
	return refused.Attachments > 0
}

// apply changes the budgets, and returns why no profile may be sent.
func (c concession) apply(b *envelope.Budgets, refused *attempt, ban *envelope.DropReason) *envelope.DropReason {
	b.Pack = true
	if c >= noProfiles {
		ban = ptr(envelope.OnRefusal)
		for _, o := range refused.Profiles {
			if o.Gone {
				ban = ptr(o.Reason)
			}
		}
	}
	if c >= noAttachments {
		b.Wire.Attachment, b.Wire.Alone = 0, 0
	}
	return ban
}
