package sink

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
)

// slowTransport is a transport of the user's own.
type slowTransport struct {
	mu     sync.Mutex
	events []*sentry.Event
	flush  bool
}

func (s *slowTransport) Configure(sentry.ClientOptions)        {}
func (s *slowTransport) Close()                                {}
func (s *slowTransport) Flush(time.Duration) bool              { return s.flush }
func (s *slowTransport) FlushWithContext(context.Context) bool { return s.flush }
func (s *slowTransport) SendEvent(e *sentry.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// Such a transport may keep an event for as long as it likes, so nothing may change it.
func TestSinkCustomTransport(t *testing.T) {
	transport := &slowTransport{flush: true}
	s, hub := newTestSink(t, sentry.ClientOptions{Dsn: "http://key@sentry.invalid/42", Transport: transport}, Config{})
	hub.Scope().AddAttachment(&sentry.Attachment{Filename: "of a request"})
	i := testIncident(t)
	writeReport(t, i)
	deliver(t, s, captured(i))
	if len(transport.events) != 1 {
		t.Fatalf("%d events, want 1", len(transport.events))
	}
	held := transport.events[0]
	var attached []string
	before := make(map[string]string)
	for _, a := range held.Attachments {
		attached = append(attached, a.Filename)
		before[a.Filename] = string(a.Payload)
	}
	if want := []string{"report.txt", "report.html", "goroutine.pb.gz", "heap.pb.gz"}; !slices.Equal(attached, want) {
		t.Errorf("attached %q, want %q", attached, want)
	}
	write(t, i.Folder, "report.txt", []byte("changed"))
	deliver(t, s, captured(i))
	deliver(t, s, guard.Event{Kind: guard.Explained, Incident: i})
	if len(transport.events) != 1 || len(held.Attachments) != len(before) {
		t.Errorf("%d events, %d attachments: something changed after it was handed over", len(transport.events), len(held.Attachments))
	}
	for _, a := range held.Attachments {
		if before[a.Filename] != string(a.Payload) {
			t.Errorf("%s has changed after it was handed over", a.Filename)
		}
	}
	wantStats(t, s, Stats{Events: 1, Attachments: 4})

	transport.flush = false
	i.ID = "another"
	if err := s.Deliver(context.Background(), captured(i)); err == nil || !strings.Contains(err.Error(), "has not sent it") {
		t.Errorf("a transport that does not flush: %v", err)
	}
}
