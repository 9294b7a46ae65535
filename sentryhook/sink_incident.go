package sentryhook

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// mostIncidents bounds the incidents that a sink remembers.
const mostIncidents = 128

// sinkIncident is what a sink has done about an incident.
type sinkIncident struct {
	// turn holds a token while nothing is sent, so that the event is sent once
	// and before its attachments.
	turn        chan struct{}
	timer       *time.Timer
	sent        bool     // the event is accepted
	fingerprint []string // of the event that was
	dropped     bool     // the event is not wanted: quota, hooks, empty DSN
	attached    map[string]bool
	bytes       int64 // attached
}

func newSinkIncident() *sinkIncident {
	i := &sinkIncident{turn: make(chan struct{}, 1)}
	i.turn <- struct{}{}
	return i
}

// take waits for the token, but no longer than ctx lasts.
func (i *sinkIncident) take(ctx context.Context) error {
	select {
	case <-i.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it is being sent already: %w", ctx.Err())
	}
}

func (i *sinkIncident) release() { i.turn <- struct{}{} }

// noTimer calls off what was to be sent without evidence.
func (i *sinkIncident) noTimer(ctx context.Context) error {
	if err := i.take(ctx); err != nil {
		return err
	}
	defer i.release()
	if i.timer != nil {
		i.timer.Stop()
	}
	return nil
}

// escalation returns a new incident in the same issue.
func (i *sinkIncident) escalation(ctx context.Context) *sinkIncident {
	n := newSinkIncident()
	if i.take(ctx) == nil {
		n.fingerprint = i.fingerprint
		i.release()
	}
	return n
}

// incident returns what is known of an incident, and whether anything was.
func (s *Sink) incident(id string) (*sinkIncident, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc := s.incidents[id]; inc != nil {
		return inc, true
	}
	if len(s.order) == mostIncidents {
		delete(s.incidents, s.order[0])
		s.order = slices.Delete(s.order, 0, 1)
	}
	inc := newSinkIncident()
	s.incidents[id] = inc
	s.order = append(s.order, id)
	return inc, false
}
