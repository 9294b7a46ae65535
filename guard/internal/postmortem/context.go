package postmortem

import (
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// sameDeath is the longest time between the last signs of life of two guards of the
	// same process.
	sameDeath = 10 * time.Second
	// seriesWithin is the time over which deaths are counted.
	seriesWithin = 24 * time.Hour
)

// Same reports whether two boxes, last written at the given times, belong to two guards of
// the same process.
func Same(a, b *blackbox.Header, writtenA, writtenB time.Time) bool {
	return a.PID == b.PID && a.Boot == b.Boot && a.Host == b.Host && a.GroupID == b.GroupID &&
		writtenA.Sub(writtenB).Abs() < sameDeath
}

// Left returns the incidents that a dead process left, in the given order. An incident
// without a manifest belongs to the process if the box mentions it.
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

// Series counts the deaths of a service with the same cause, up to the given time.
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
