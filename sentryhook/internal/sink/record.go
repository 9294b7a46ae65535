package sink

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// mostRecords bounds the incidents that a sink remembers.
const mostRecords = 128

// record is what a sink has done about one incident.
type record struct {
	// turn holds a token while nothing is being sent. So the event is sent once,
	// and before its attachments.
	turn        chan struct{}
	timer       *time.Timer
	sent        bool     // the event is accepted
	fingerprint []string // of the event that was accepted
	dropped     bool     // the event is not to be sent: quota, hooks, empty DSN
	attached    map[string]bool
	bytes       int64 // of what is attached
}

func newRecord() *record {
	i := &record{turn: make(chan struct{}, 1)}
	i.turn <- struct{}{}
	return i
}

// take waits for the token, but no longer than ctx lasts.
func (i *record) take(ctx context.Context) error {
	select {
	case <-i.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another delivery of the incident has not ended: %w", ctx.Err())
	}
}

func (i *record) release() { i.turn <- struct{}{} }

// noTimer cancels the event that would be sent without evidence.
func (i *record) noTimer(ctx context.Context) error {
	if err := i.take(ctx); err != nil {
		return err
	}
	defer i.release()
	if i.timer != nil {
		i.timer.Stop()
	}
	return nil
}

// escalation returns a new record in the same issue.
func (i *record) escalation(ctx context.Context) *record {
	n := newRecord()
	if i.take(ctx) == nil {
		n.fingerprint = i.fingerprint
		i.release()
	}
	return n
}

// record returns the record of an incident, and whether there was one already.
func (s *Sink) record(id string) (*record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc := s.records[id]; inc != nil {
		return inc, true
	}
	if len(s.order) == mostRecords {
		delete(s.records, s.order[0])
		s.order = slices.Delete(s.order, 0, 1)
	}
	inc := newRecord()
	s.records[id] = inc
	s.order = append(s.order, id)
	return inc, false
}
