package transport

import (
	"maps"
	"sync"
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/compact"
	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
)

// Stats is what a transport has done; sentryhook.TransportStats documents the fields.
type Stats struct {
	Requests, Envelopes, PassedOn   int64
	Profiles, Unchanged, Compacted  int64
	Reduced                         Reduced
	Dropped                         map[envelope.DropReason]int64
	Cut                             int64
	AttachmentsDropped              int64
	Oversized                       int64
	Resent                          int64
	Failed                          int64
	Refused                         map[int]int64 // by status
	BytesIn, BytesOut, WireBytesOut int64
	Learned                         map[string]Learned // by host
}

// Reduced counts profiles that lost samples, by the last step taken; see
// sentryhook.ReducedProfiles.
type Reduced struct{ OtherThreads, ActiveRuns, Thinned int64 }

// statistics are the counters of a transport.
type statistics struct {
	mu sync.Mutex
	Stats
	dropped [envelope.DropReasons]int64
	refused map[int]int64 // by status; it has three digits, so there are few
}

func (s *statistics) do(f func(s *statistics)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// count counts what became of a profile.
func (s *statistics) count(o envelope.Outcome) {
	s.Profiles++
	if o.Cut {
		s.Cut++
	}
	switch {
	case o.Gone:
		s.dropped[o.Reason]++
	case o.Step == compact.ActiveOnly:
		s.Reduced.OtherThreads++
	case o.Step == compact.ActiveRuns:
		s.Reduced.ActiveRuns++
	case o.Step == compact.Thinned:
		s.Reduced.Thinned++
	case o.Unchanged:
		s.Unchanged++
	default:
		s.Compacted++
	}
}

func (s *statistics) read() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.Stats
	out.Refused = maps.Clone(s.refused)
	out.Dropped = make(map[envelope.DropReason]int64)
	for r, n := range s.dropped {
		if n > 0 {
			out.Dropped[envelope.DropReason(r)] = n
		}
	}
	return out
}

// Stats returns what was done so far.
func (t *Transport) Stats() Stats {
	s := t.stats.read()
	s.Learned = maps.Collect(t.hosts.learned(time.Now()))
	return s
}
