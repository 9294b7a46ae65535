package sentryhook

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

// DropReason says why a profile was left out of its envelope.
type DropReason int

const (
	// DroppedTooLarge: it is over a budget even with a handful of samples, or
	// of a format that cannot be compacted.
	DroppedTooLarge DropReason = iota
	// DroppedTooLate: all of its samples are beyond 30 s, where Relay takes
	// none.
	DroppedTooLate
	// DroppedByRate: ProfileBytesPerMinute was used up.
	DroppedByRate
	// DroppedByRelay: the relay asked, by its rate limits, for no profiles
	// for a while.
	DroppedByRelay
	// DroppedOnRefusal: the relay or a proxy refused the envelope for its
	// size, so it went once more without its profile.
	DroppedOnRefusal

	dropReasons
)

var dropReasonNames = [dropReasons]string{"too large", "too late", "rate budget", "relay's rate limit", "refused"}

// String returns the reason in a word or two.
func (r DropReason) String() string {
	if r < 0 || r >= dropReasons {
		return fmt.Sprintf("DropReason(%d)", int(r))
	}
	return dropReasonNames[r]
}

// TransportStats is what a transport has done since it was made.
type TransportStats struct {
	// Requests is all that were sent, Envelopes those that were understood.
	// The others were passed on as they were: PassedOn.
	Requests, Envelopes, PassedOn int64

	// Profiles is the profiles that came in envelopes. Each of them is in
	// exactly one of Unchanged, Compacted (smaller without loss), Reduced and
	// Dropped.
	Profiles, Unchanged, Compacted int64
	// Reduced is the profiles that lost samples to fit a budget: by the last
	// of the steps that were taken.
	Reduced ReducedProfiles
	// Dropped is the profiles that were left out, by the reason why.
	Dropped map[DropReason]int64
	// Cut is the profiles that lost samples beyond 30 s; it is beside the
	// counts above.
	Cut int64

	// AttachmentsDropped is the attachments that were left out.
	AttachmentsDropped int64
	// Oversized is the envelopes that were sent over a budget, as what
	// remained of them is never left out.
	Oversized int64
	// Resent is the envelopes that were refused for their size and went once
	// more without their profile.
	Resent int64

	// Failed is the requests that got no answer, and Refused those whose last
	// answer had a status of 400 or above, by status. What was in them is lost,
	// unless it was the Sink's: the SDKs do not send anything again.
	Failed  int64
	Refused map[int]int64

	// BytesIn is the bytes of bodies as they came, BytesOut as they left,
	// both decompressed; WireBytesOut as they left on the wire. What went
	// once more counts again.
	BytesIn, BytesOut, WireBytesOut int64

	// Learned is the smaller budgets of hosts that refused a body.
	Learned map[string]LearnedBudget
}

// ReducedProfiles counts profiles that lost samples, by the last step taken.
type ReducedProfiles struct {
	// OtherThreads lost the samples of all threads but the transaction's.
	OtherThreads int64
	// ActiveRuns lost, besides, all but the ends of runs of equal stacks.
	ActiveRuns int64
	// Thinned lost, besides, samples at even distances.
	Thinned int64
}

// LearnedBudget is what a host that refused a body gets.
type LearnedBudget struct {
	// WireBytes and ProfileBytes take the place of the configured ones.
	WireBytes, ProfileBytes int64
	// Until is when the configured ones hold again.
	Until time.Time
}

// statistics is the transport's counters.
type statistics struct {
	mu sync.Mutex
	TransportStats
	dropped [dropReasons]int64
	refused map[int]int64 // by status, which has three digits
}

func (s *statistics) do(f func(s *statistics)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// count counts what became of a profile.
func (s *statistics) count(o outcome) {
	s.Profiles++
	if o.cut {
		s.Cut++
	}
	switch {
	case o.gone:
		s.dropped[o.reason]++
	case o.step == activeOnly:
		s.Reduced.OtherThreads++
	case o.step == activeRuns:
		s.Reduced.ActiveRuns++
	case o.step == thinned:
		s.Reduced.Thinned++
	case o.unchanged:
		s.Unchanged++
	default:
		s.Compacted++
	}
}

func (s *statistics) read() TransportStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.TransportStats
	out.Refused = maps.Clone(s.refused)
	out.Dropped = make(map[DropReason]int64)
	for r, n := range s.dropped {
		if n > 0 {
			out.Dropped[DropReason(r)] = n
		}
	}
	return out
}

// Stats returns what was done so far.
func (t *Transport) Stats() TransportStats {
	s := t.stats.read()
	s.Learned = maps.Collect(t.hosts.learned(time.Now()))
	return s
}
