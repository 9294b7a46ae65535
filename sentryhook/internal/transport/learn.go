package transport

import (
	"iter"
	"sync"
	"time"
)

// mostHosts bounds the hosts that are remembered: a process talks to one or two relays.
const mostHosts = 64

// A learned budget never falls below these, in bytes: a relay that refuses even such a
// small body has another reason.
const (
	leastLearnedWire    = 16 << 10
	leastLearnedProfile = 64 << 10
)

// Learned is a smaller budget for a host that refused a body; see
// sentryhook.LearnedBudget.
type Learned struct {
	WireBytes, ProfileBytes int64
	Until                   time.Time
}

// hosts is what was learned from the answers of hosts.
type hosts struct {
	mu      sync.Mutex
	budgets map[string]Learned   // by host
	limits  map[string]time.Time // no profiles until then, by project
}

func newHosts() *hosts {
	return &hosts{budgets: make(map[string]Learned), limits: make(map[string]time.Time)}
}

// budget returns the budgets for a host: the given ones, or smaller ones.
func (h *hosts) budget(host string, wire, profile int64, now time.Time) (int64, int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.budgets[host]
	if !ok || !now.Before(b.Until) {
		return wire, profile
	}
	return min(wire, b.WireBytes), min(profile, b.ProfileBytes)
}

// refused records that a host refused a body of so many bytes on the wire, with so many
// bytes of profiles: until then it gets half of that. Profiles of 0 bytes cannot have
// been the reason.
func (h *hosts) refused(host string, wire, profile int64, now, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.budgets[host]; !ok && len(h.budgets) >= mostHosts {
		evict(h.budgets, func(b Learned) time.Time { return b.Until })
	}
	b, ok := h.budgets[host]
	if !ok || !now.Before(b.Until) {
		b = Learned{WireBytes: 1<<63 - 1, ProfileBytes: 1<<63 - 1}
	}
	b.WireBytes = min(b.WireBytes, max(wire/2, leastLearnedWire))
	if profile > 0 {
		b.ProfileBytes = min(b.ProfileBytes, max(profile/2, leastLearnedProfile))
	}
	b.Until = until
	h.budgets[host] = b
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

// evict removes the entry that expires first.
func evict[V any](m map[string]V, until func(V) time.Time) {
	var first string
	var at time.Time
	for k, v := range m {
		if t := until(v); at.IsZero() || t.Before(at) {
			first, at = k, t
		}
	}
	delete(m, first)
}

// learned yields the smaller budgets that are in force.
func (h *hosts) learned(now time.Time) iter.Seq2[string, Learned] {
	return func(yield func(string, Learned) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for host, b := range h.budgets {
			if now.Before(b.Until) && !yield(host, b) {
				return
			}
		}
	}
}
