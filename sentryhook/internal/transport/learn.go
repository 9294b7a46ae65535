package transport

import (
	"cmp"
	"iter"
	"sync"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
)

// mostHosts bounds the hosts that are remembered: a process talks to one or two relays.
const mostHosts = 64

// A learned budget never falls below these, in bytes: a relay that refuses even such a
// small body has another reason.
const (
	leastLearnedWire    = 16 << 10
	leastLearnedProfile = 64 << 10
)

// Learned is what the answers of a host have taught; see sentryhook.LearnedBudget.
type Learned struct {
	WireBytes, ProfileBytes, PlainBytes int64
	Until                               time.Time
	AttachmentBytes, PassedBytes        int64
}

// expire forgets what holds only until a time.
func (l *Learned) expire(now time.Time) {
	if !now.Before(l.Until) {
		l.WireBytes, l.ProfileBytes, l.PlainBytes, l.Until = 0, 0, 0, time.Time{}
	}
}

// host is what was learned from the answers of a host. A zero budget has not been
// learned.
type host struct {
	Learned
	refused int64     // the body from which AttachmentBytes was learned
	probe   time.Time // when a body of attachments may be over AttachmentBytes again
	used    time.Time
}

// hosts is what was learned from the answers of hosts.
type hosts struct {
	configured int64 // WireBytes; 0: learned
	profile    int64 // ProfileBytes
	learnFor   time.Duration

	mu     sync.Mutex
	known  map[string]*host
	limits map[string]time.Time // no profiles until then, by project
}

func newHosts(cfg Config) *hosts {
	return &hosts{
		configured: cfg.WireBytes, profile: cfg.ProfileBytes, learnFor: cfg.LearnFor,
		known: make(map[string]*host), limits: make(map[string]time.Time),
	}
}

// usual returns how many bytes a body may have as it is sent: what is configured, or
// else what a stock nginx takes, or more once more has passed.
func (h *hosts) usual(of *host) int64 {
	switch {
	case h.configured != 0:
		return h.configured
	case of == nil:
		return usualWire
	}
	return max(usualWire, of.PassedBytes)
}

// budget returns the budgets for a host, on the wire and for a profile.
func (h *hosts) budget(name string, now time.Time) (wire envelope.Wire, profile int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.known[name]
	usual := h.usual(of)
	wire = envelope.Wire{Plain: cmp.Or(h.configured, usualWire), Usual: usual, Profile: usual, Attachment: usual, Alone: usual}
	if h.configured == 0 {
		wire.Alone = unlimited // the server says what it takes, and no event is at stake
	}
	if of == nil {
		return wire, h.profile
	}
	of.used = now
	of.expire(now)
	wire.Plain = least(wire.Plain, of.PlainBytes)
	wire.Profile = least(usual, of.WireBytes)
	wire.Attachment = least(usual, of.AttachmentBytes)
	if of.AttachmentBytes != 0 && now.Before(of.probe) {
		wire.Alone = wire.Attachment
	}
	return wire, least(h.profile, of.ProfileBytes)
}

// least returns the smaller of a budget and a learned one.
func least(budget, learned int64) int64 {
	if learned == 0 {
		return budget
	}
	return min(budget, learned)
}

// passed records that a host has accepted an attempt.
func (h *hosts) passed(name string, a *attempt, now time.Time) {
	wire := a.Wire
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.known[name]
	if of == nil {
		if h.configured != 0 || wire <= usualWire {
			return // no news
		}
		of = h.add(name, now)
	}
	if h.configured == 0 && wire > usualWire {
		of.PassedBytes = max(of.PassedBytes, wire)
	}
	switch {
	case a.Attachments == 0:
	case wire >= of.refused:
		of.AttachmentBytes, of.refused = 0, 0
	case wire > of.AttachmentBytes:
		of.AttachmentBytes = wire
	}
}

// learn records that a host has refused one attempt for its size, and accepted the next,
// which made one concession more.
func (h *hosts) learn(name string, refused, accepted *attempt, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.known[name]
	if of == nil {
		of = h.add(name, now)
	}
	of.expire(now)
	until := now.Add(h.learnFor)
	half := max(refused.Wire/2, accepted.Wire, leastLearnedWire)
	if of.PassedBytes >= refused.Wire {
		of.PassedBytes = 0 // it did pass, once
	}
	switch accepted.conceded {
	case packed:
		of.PlainBytes, of.Until = least(half, of.PlainBytes), until
	case noProfiles:
		of.WireBytes, of.Until = least(half, of.WireBytes), until
		// A small profile in a large envelope is not the reason.
		if refused.Profile >= refused.Out/2 {
			of.ProfileBytes = least(max(refused.Profile/2, leastLearnedProfile), of.ProfileBytes)
		}
	case noAttachments:
		// What has passed, or passes elsewhere, is not given up for a larger one.
		of.AttachmentBytes = h.usual(of)
		if of.AttachmentBytes >= refused.Wire {
			of.AttachmentBytes = half
		}
		of.refused, of.probe = refused.Wire, until
	}
}

// add adds a host.
func (h *hosts) add(name string, now time.Time) *host {
	if len(h.known) >= mostHosts {
		evict(h.known, func(of *host) time.Time { return of.used })
	}
	of := &host{used: now}
	h.known[name] = of
	return of
}

// limited reports whether a project takes no profiles at this time.
func (h *hosts) limited(project string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.limits[project])
}

// limit records that a project takes no profiles until then.
func (h *hosts) limit(project string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.limits[project]; !ok && len(h.limits) >= mostHosts {
		evict(h.limits, func(t time.Time) time.Time { return t })
	}
	if until.After(h.limits[project]) {
		h.limits[project] = until
	}
}

// evict removes the entry with the earliest time.
func evict[V any](m map[string]V, of func(V) time.Time) {
	var first string
	var at time.Time
	for k, v := range m {
		if t := of(v); at.IsZero() || t.Before(at) {
			first, at = k, t
		}
	}
	delete(m, first)
}

// learned yields what is in force, by host.
func (h *hosts) learned(now time.Time) iter.Seq2[string, Learned] {
	return func(yield func(string, Learned) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for name, of := range h.known {
			of.expire(now)
			if of.Learned != (Learned{}) && !yield(name, of.Learned) {
				return
			}
		}
	}
}
