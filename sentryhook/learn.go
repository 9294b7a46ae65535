package sentryhook

import (
	"bytes"
	"io"
	"iter"
	"net/http"
	"sync"
	"time"
)

// mostHosts bounds what is known of hosts: a process speaks to one relay or two.
const mostHosts = 64

// A learned budget never falls below these: a relay that refuses even as much
// has another reason.
const (
	leastLearnedWire    = 16 << 10
	leastLearnedProfile = 64 << 10
)

// hosts is what was learned from hosts' answers.
type hosts struct {
	mu      sync.Mutex
	budgets map[string]LearnedBudget // by host
	limits  map[string]time.Time     // no profiles until then, by host and path, which names the project
}

func newHosts() *hosts {
	return &hosts{budgets: make(map[string]LearnedBudget), limits: make(map[string]time.Time)}
}

// budget returns what holds for a host.
func (h *hosts) budget(host string, wire, profile int64, now time.Time) (int64, int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.budgets[host]
	if !ok || !now.Before(b.Until) {
		return wire, profile
	}
	return min(wire, b.WireBytes), min(profile, b.ProfileBytes)
}

// refused notes that a host refused a body of so many bytes on the wire, with a
// profile of so many: it gets half of that until then. A profile of 0 bytes was
// not the reason.
func (h *hosts) refused(host string, wire, profile int64, now, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.budgets[host]; !ok && len(h.budgets) >= mostHosts {
		evict(h.budgets, func(b LearnedBudget) time.Time { return b.Until })
	}
	b, ok := h.budgets[host]
	if !ok || !now.Before(b.Until) {
		b = LearnedBudget{WireBytes: 1<<63 - 1, ProfileBytes: 1<<63 - 1}
	}
	b.WireBytes = min(b.WireBytes, max(wire/2, leastLearnedWire))
	if profile > 0 {
		b.ProfileBytes = min(b.ProfileBytes, max(profile/2, leastLearnedProfile))
	}
	b.Until = until
	h.budgets[host] = b
}

// limited reports whether a project takes no profiles now.
func (h *hosts) limited(project string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.limits[project])
}

// limit notes that a project takes no profiles until then.
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

// evict removes the entry that ends first.
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

// learned yields the budgets that hold now.
func (h *hosts) learned(now time.Time) iter.Seq2[string, LearnedBudget] {
	return func(yield func(string, LearnedBudget) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for host, b := range h.budgets {
			if now.Before(b.Until) && !yield(host, b) {
				return
			}
		}
	}
}

// refusedForSize reports whether a response says that the body was too large:
// 413, or 400 with words to that effect, which older relays send. It leaves the
// response as it found it.
func refusedForSize(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusBadRequest:
	default:
		return false
	}
	said, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failingReader{err}
	}
	r.Body = &resumedBody{io.MultiReader(bytes.NewReader(said), rest), r.Body}
	said = bytes.ToLower(said)
	for _, words := range []string{"too large", "too_large", "size limit", "maximum size", "exceeds size", "too big", "overflow"} {
		if bytes.Contains(said, []byte(words)) {
			return true
		}
	}
	return false
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
