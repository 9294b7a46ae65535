package guard

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// stallWindow is the time over which stalls are measured, and leastStallWindow the
	// shortest: a reclaim of page cache stalls a process for a moment, and harms nobody.
	stallWindow      = 5 * time.Second
	leastStallWindow = 2 * time.Second
	// throttledShare is the share of the time for which tasks wait for memory above which
	// a process counts as throttled.
	throttledShare = 0.2
)

// throttling says whether the kernel throttles the process at memory.high.
type throttling struct {
	now bool
	// share is the share of the time for which some task waited for memory, or negative
	// if the kernel does not measure it.
	share float64
	// events is how often the kernel throttled per second.
	events float64
}

// String describes it, such as 'tasks wait for memory 83% of the time'.
func (t throttling) String() string {
	if t.share < 0 {
		return fmt.Sprintf("%.0f times a second", t.events)
	}
	return fmt.Sprintf("tasks wait for memory %.0f%% of the time", 100*t.share)
}

// stalls are the last readings of how hard the kernel throttles, one a second. Like the
// rest of the policy it depends only on its inputs.
type stalls struct {
	points [int(stallWindow/time.Second) + 1]stallPoint // newest last
	last   throttling
}

type stallPoint struct {
	at      time.Duration
	known   bool
	events  profile.Count
	stalled time.Duration
}

// observe adds a reading and judges. Both the events and the time lost must show it:
// a service with much page cache reaches memory.high all the time and loses nothing.
// Without the time, unreclaimable memory must be near memory.high.
func (s *stalls) observe(at time.Duration, r *incident.Reading) throttling {
	if !r.CgroupHigh.Known() || !r.CgroupHighEvents.Known() {
		*s = stalls{}
		return s.last
	}
	newest := s.points[len(s.points)-1]
	if newest.known && at-newest.at < time.Second {
		return s.last
	}
	now := stallPoint{at: at, known: true, events: r.CgroupHighEvents, stalled: r.CgroupStalled}
	s.last = throttling{share: -1}
	// The oldest point within the window or, if readings come late, the newest.
	for i, p := range s.points {
		if !p.known || at-p.at > stallWindow && i < len(s.points)-1 {
			continue
		}
		if span := at - p.at; span >= leastStallWindow {
			s.last = throttlingBetween(p, now, span, r)
		}
		break
	}
	copy(s.points[:], s.points[1:])
	s.points[len(s.points)-1] = now
	return s.last
}

func throttlingBetween(then, now stallPoint, span time.Duration, r *incident.Reading) throttling {
	t := throttling{share: -1, events: float64(now.events-then.events) / span.Seconds()}
	if now.stalled >= 0 && then.stalled >= 0 {
		t.share = min(float64(now.stalled-then.stalled)/float64(span), 1)
		t.now = t.events > 0 && t.share >= throttledShare
		return t
	}
	t.now = t.events > 0 && float64(r.CgroupHighMemory) >= memoryShare*float64(r.CgroupHigh)
	return t
}
