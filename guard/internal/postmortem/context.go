package postmortem

import (
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// sameDeath is how far apart the last signs of life may be of two guards that died
	// with one process.
	sameDeath = 10 * time.Second
	// seriesWithin is the time in which deaths are counted.
	seriesWithin = 24 * time.Hour
)

// Same reports whether two boxes, last written to at these times, are those of two
// guards of one process.
func Same(a, b *blackbox.Header, writtenA, writtenB time.Time) bool {
	return a.PID == b.PID && a.Boot == b.Boot && a.Host == b.Host && a.GroupID == b.GroupID &&
		writtenA.Sub(writtenB).Abs() < sameDeath
}

// Left returns the incidents that a dead process left, in the order given. An incident
// without a manifest is the process's own if the box says so.
func Left(r *blackbox.Record, p incident.Process, incidents []incident.Manifest) (left []incident.Manifest) {
	noted := make(map[string]bool)
	for _, n := range r.Notes {
		id, _, _ := strings.Cut(n.Text, " ")
		noted[id] = true
	}
	for _, m := range incidents {
		same := m.Process.PID == p.PID && m.Process.Host == p.Host && m.Process.Started.Equal(p.Started) && !p.Started.IsZero()
		if m.Trigger == incident.TriggerDeath || !same && !noted[m.ID] {
			continue
		}
		left = append(left, m)
	}
	return left
}

// Series counts the deaths of a service from one cause up to the one at the given time.
func Series(log []blackbox.Death, cause, service string, at time.Time) (s incident.DeathSeries) {
	s.Within = seriesWithin
	var first time.Time
	for _, d := range log {
		if d.Cause != cause || d.Service != service || d.Time.After(at) || at.Sub(d.Time) > seriesWithin {
			continue
		}
		if s.Count++; s.Count == 1 {
			first = d.Time
		}
	}
	if s.Count > 1 {
		s.Every = at.Sub(first) / time.Duration(s.Count-1)
	}
	return s
}
