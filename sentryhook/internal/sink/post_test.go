package sink

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// A refused file costs neither the event nor the other files.
func TestSinkRefusedAttachment(t *testing.T) {
	for _, status := range []int{413, 400} {
		server := relaytest.New(t, 0)
		server.Respond(func(r relaytest.Request) (int, http.Header) {
			if r.Items[0].Filename == "goroutine.pb.gz" {
				return status, nil
			}
			return 200, nil
		})
		s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1})
		i := testIncident(t)
		deliver(t, s, captured(i))
		deliver(t, s, captured(i)) // not offered again
		if len(server.Accepted("event")) != 1 || !slices.Equal(names(server.Accepted("attachment")), []string{"heap.pb.gz"}) || len(server.Requests()) != 3 {
			t.Errorf("%d: %d posts, accepted %d events and %q", status, len(server.Requests()), len(server.Accepted("event")), names(server.Accepted("attachment")))
		}
		wantStats(t, s, Stats{Events: 1, Attachments: 1, Refused: 1})
	}
}

// A server that fails during the evidence has the event, and gets the rest with the
// incident's next event.
func TestSinkFailsDuringTheEvidence(t *testing.T) {
	server := relaytest.New(t, 0)
	server.Respond(func(r relaytest.Request) (int, http.Header) {
		if r.Items[0].Filename == "heap.pb.gz" {
			return 502, nil
		}
		return 200, nil
	})
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1})
	i := testIncident(t)
	if err := s.Deliver(context.Background(), captured(i)); err == nil || !strings.Contains(err.Error(), "heap.pb.gz") {
		t.Errorf("the error does not name the file: %v", err)
	}
	server.Respond(nil)
	deliver(t, s, captured(i))
	if got := names(server.Accepted("attachment")); !slices.Equal(got, []string{"goroutine.pb.gz", "heap.pb.gz"}) || len(server.Accepted("event")) != 1 {
		t.Errorf("attached %q", got)
	}
}

// The SDK's kind of http.Transport would keep a connection, and two goroutines,
// for ever.
func TestSinkLeavesNoConnection(t *testing.T) {
	var mu sync.Mutex
	connections := make(map[net.Conn]bool)
	server := relaytest.Unstarted(0)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		connections[c] = state != http.StateClosed
	}
	server.Start()
	t.Cleanup(server.Close)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1})
	deliver(t, s, captured(testIncident(t)))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		mu.Lock()
		for _, open := range connections {
			if open {
				left++
			}
		}
		all := len(connections)
		mu.Unlock()
		switch {
		case all == 0:
			t.Fatal("no connection was seen: this test cannot fail")
		case left == 0:
			return
		case time.Now().After(end):
			t.Fatalf("%d of %d connections are left open", left, all)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server that never answers costs no more than the guard's deadline.
func TestSinkServerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := inBubble(nil)
		o.HTTPTransport = roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		s, _ := newTestSink(t, o, Config{ReportWait: -1})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := s.Deliver(ctx, captured(testIncident(t))); err == nil {
			t.Error("no error")
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop) // the guard is closed
		start = time.Now()
		_ = s.Deliver(ctx, captured(testIncident(t)))
		if took := time.Since(start); took != time.Second {
			t.Errorf("after Close it took %v, want 1s", took)
		}
	})
}
