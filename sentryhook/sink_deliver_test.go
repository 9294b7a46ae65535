package sentryhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

func names(items []receivedItem) (n []string) {
	for _, i := range items {
		n = append(n, i.Filename)
	}
	return n
}

func TestSinkEventThenEvidence(t *testing.T) {
	server := newEnvelopeServer(t)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn(), SampleRate: 1e-12}, SinkConfig{})
	i := testIncident(t)
	opened := guard.Event{Kind: guard.Opened, Incident: i, Time: when}
	opened.Incident.Folder, opened.Incident.Artefacts = "", nil
	deliver(t, s, opened)
	if n := len(server.of("event")); n != 0 {
		t.Errorf("%d events before there is evidence", n)
	}
	write(t, i.Folder, "report.txt", []byte(testHeadline+"\n\nSuspects\n"))
	deliver(t, s, captured(i))
	writeReport(t, i)
	explained := captured(i)
	explained.Kind, explained.Incident.Headline = guard.Explained, testHeadline
	deliver(t, s, explained)
	deliver(t, s, explained) // nothing is sent twice

	events, files := server.of("event"), server.of("attachment")
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	if !strings.Contains(string(events[0].Body), testHeadline) {
		t.Errorf("the event does not name the suspect: %s", events[0].Body)
	}
	if got, want := names(files), []string{"report.txt", "goroutine.pb.gz", "heap.pb.gz", "report.html"}; !slices.Equal(got, want) {
		t.Errorf("attached %q, want %q", got, want)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(i.Folder, f.Filename))
		if err != nil || string(want) != string(f.Body) {
			t.Errorf("%s is not the file: %v", f.Filename, err)
		}
		if f.EventID != events[0].EventID {
			t.Errorf("%s belongs to %s, want %s", f.Filename, f.EventID, events[0].EventID)
		}
	}
	if server.items[0].Type != "event" {
		t.Errorf("first came %s, want the event", server.items[0].Type)
	}
	if !strings.Contains(server.auth[0], "sentry_key=key") {
		t.Errorf("authenticated as %q", server.auth[0])
	}
	wantStats(t, s, SinkStats{Events: 1, Attachments: 4})
}

// Everything that can happen to an incident, and what is sent of it.
func TestSinkKinds(t *testing.T) {
	server := newEnvelopeServer(t)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{})
	i := testIncident(t)
	deliver(t, s, captured(i)) // without a report
	i.Headline = testHeadline
	for _, k := range []guard.EventKind{guard.Escalated, guard.Recovered, guard.PreviousDeath, guard.EventKind(99)} {
		deliver(t, s, guard.Event{Kind: k, Incident: i, Time: when, Reason: k.String()})
	}
	addProfile(t, &i, "heap.2.pb.gz", "heap") // of the escalation
	deliver(t, s, captured(i))
	events := server.of("event")
	if len(events) != 4 {
		t.Fatalf("%d events, want one for the incident, its escalation, its recovery and the death", len(events))
	}
	if !strings.Contains(string(events[1].Body), `"fingerprint":["leakguard","memory"]`) {
		t.Errorf("the escalation is in another issue: %s", events[1].Body)
	}
	want := []string{"goroutine.pb.gz", "heap.pb.gz", "goroutine.pb.gz", "heap.pb.gz", "heap.2.pb.gz"}
	files := server.of("attachment")
	if got := names(files); !slices.Equal(got, want) {
		t.Errorf("attached %q, want %q", got, want)
	}
	if last := files[len(files)-1]; last.EventID != events[0].EventID {
		t.Error("the later evidence is not with the incident")
	}
	if files[2].EventID != events[3].EventID {
		t.Error("the death has not got its evidence")
	}
}

func TestSinkRedelivery(t *testing.T) {
	server := newEnvelopeServer(t)
	i := testIncident(t)
	first, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{ReportWait: -1})
	server.respond(func([]receivedItem, []byte) (int, http.Header) { return 503, nil })
	err := first.Deliver(context.Background(), captured(i))
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), i.ID) || !strings.Contains(err.Error(), "attempt 3") {
		t.Errorf("a server that is down: %v", err)
	}
	wantStats(t, first, SinkStats{Failed: 1})
	server.respond(nil)

	second, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{})
	opened, again := captured(i), captured(i)
	opened.Kind, opened.Redelivered, again.Redelivered = guard.Opened, true, true
	deliver(t, second, opened)
	if server.posts != 3 {
		t.Errorf("%d posts: what is captured is told of twice", server.posts)
	}
	deliver(t, second, again)
	events := server.of("event")
	if len(events) != 1 || !strings.Contains(string(events[0].Body), `"leakguard.redelivered":"yes"`) {
		t.Fatalf("after the next start: %d events", len(events))
	}
	if want := eventID(captured(i)); events[0].EventID != string(want) {
		t.Errorf("its ID is %s, want the first one's %s", events[0].EventID, want)
	}

	// An incident that was cut short has no evidence, and is told of.
	third, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{})
	opened.Incident.Artefacts = nil
	deliver(t, third, opened)
	if n := len(server.of("event")); n != 2 {
		t.Errorf("%d events, want 2", n)
	}

	// A report that the next process writes joins the event of this one.
	fourth, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{})
	writeReport(t, i)
	explained := again
	explained.Kind = guard.Explained
	deliver(t, fourth, explained)
	if n := len(server.of("event")); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	files := server.of("attachment")
	if last := files[len(files)-1]; last.EventID != events[0].EventID {
		t.Error("the report is not with its event")
	}
}

// What is refused costs neither the event nor the other files.
func TestSinkRefusedAttachment(t *testing.T) {
	for _, status := range []int{413, 400} {
		server := newEnvelopeServer(t)
		server.respond(func(items []receivedItem, _ []byte) (int, http.Header) {
			if items[0].Filename == "goroutine.pb.gz" {
				return status, nil
			}
			return 200, nil
		})
		s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{ReportWait: -1})
		i := testIncident(t)
		deliver(t, s, captured(i))
		deliver(t, s, captured(i)) // not offered again
		if len(server.of("event")) != 1 || !slices.Equal(names(server.of("attachment")), []string{"heap.pb.gz"}) || server.posts != 3 {
			t.Errorf("%d: %d posts, accepted %d events and %q", status, server.posts, len(server.of("event")), names(server.of("attachment")))
		}
		wantStats(t, s, SinkStats{Events: 1, Attachments: 1, Refused: 1})
	}
}

// A server that fails during the evidence has the event, and gets the rest when
// the incident is told of again.
func TestSinkFailsDuringTheEvidence(t *testing.T) {
	server := newEnvelopeServer(t)
	server.respond(func(items []receivedItem, _ []byte) (int, http.Header) {
		if items[0].Filename == "heap.pb.gz" {
			return 502, nil
		}
		return 200, nil
	})
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{ReportWait: -1})
	i := testIncident(t)
	if err := s.Deliver(context.Background(), captured(i)); err == nil || !strings.Contains(err.Error(), "heap.pb.gz") {
		t.Errorf("the error does not name the file: %v", err)
	}
	server.respond(nil)
	deliver(t, s, captured(i))
	if got := names(server.of("attachment")); !slices.Equal(got, []string{"goroutine.pb.gz", "heap.pb.gz"}) || len(server.of("event")) != 1 {
		t.Errorf("attached %q", got)
	}
}

func TestSinkHooks(t *testing.T) {
	server := newEnvelopeServer(t)
	s, hub := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn(), BeforeSend: func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		if e.Level == sentry.LevelInfo {
			return nil
		}
		e.Tags["by"] = "before-send"
		return e
	}}, SinkConfig{ReportWait: -1})
	scope := hub.Scope()
	scope.AddBreadcrumb(&sentry.Breadcrumb{Message: "NOISE"}, 10)
	scope.SetUser(sentry.User{Email: "NOISE"})
	scope.AddAttachment(&sentry.Attachment{Filename: "NOISE"})
	r, _ := http.NewRequest("GET", "http://NOISE", nil)
	scope.SetRequest(r)
	scope.SetLevel(sentry.LevelDebug)
	scope.SetTag("cluster", "c7")
	span := sentry.StartSpan(context.Background(), "request")
	scope.SetSpan(span)
	i := testIncident(t)
	deliver(t, s, captured(i))
	deliver(t, s, guard.Event{Kind: guard.Recovered, Incident: i})
	events := server.of("event")
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	body := string(events[0].Body)
	if strings.Contains(body, "NOISE") || strings.Contains(body, span.TraceID.String()) {
		t.Errorf("the event has what belongs to a request: %s", body)
	}
	for _, want := range []string{`"by":"before-send"`, `"cluster":"c7"`, `"level":"error"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the event lacks %s: %s", want, body)
		}
	}
	wantStats(t, s, SinkStats{Events: 1, Attachments: 2, Unwanted: 1})
	if len(scope.Clone().ApplyToEvent(sentry.NewEvent(), nil, nil).Breadcrumbs) != 1 {
		t.Error("the hub's own scope was changed")
	}
}

func TestSinkQuotaDropsAndCounts(t *testing.T) {
	server := newEnvelopeServer(t)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{EventsPerIssue: 2, ReportWait: -1})
	server.respond(func([]receivedItem, []byte) (int, http.Header) { return 500, nil })
	_ = s.Deliver(context.Background(), captured(testIncident(t))) // costs nothing
	server.respond(nil)
	for n := range 5 {
		i := testIncident(t)
		i.ID = fmt.Sprint(n)
		deliver(t, s, captured(i))
		deliver(t, s, captured(i))
	}
	wantStats(t, s, SinkStats{Events: 2, Attachments: 4, OverQuota: 3, Failed: 1})
}

func TestSinkWithoutAnybodyToSendTo(t *testing.T) {
	e := captured(testIncident(t))
	var none *Sink
	if err := none.Deliver(context.Background(), e); err != nil || none.Name() == "" || none.Stats() != (SinkStats{}) {
		t.Errorf("a nil sink: %v", err)
	}
	cfg := SinkConfig{ReportWait: -1}
	for name, hub := range map[string]*sentry.Hub{"a nil hub": nil, "a hub without a client": sentry.NewHub(nil, sentry.NewScope())} {
		s, err := NewSink(hub, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(context.Background(), e); err == nil || !strings.Contains(err.Error(), "sentry.Init") {
			t.Errorf("%s: %v, want what to do", name, err)
		}
	}
	off, _ := newTestSink(t, sentry.ClientOptions{}, cfg)
	deliver(t, off, e)
	wantStats(t, off, SinkStats{Disabled: 1})

	gone := newEnvelopeServer(t)
	gone.Close()
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: gone.dsn()}, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ctx := range []context.Context{context.Background(), ctx} {
		if err := s.Deliver(ctx, e); err == nil {
			t.Error("a server that is not there: no error")
		}
	}
}

func TestSinkConfigFaults(t *testing.T) {
	_, err := NewSink(nil, SinkConfig{MaxAttachment: -1, EventsPerHour: -1, EventsPerIssue: -1})
	for _, field := range []string{"MaxAttachment", "EventsPerHour", "EventsPerIssue"} {
		if err == nil || !strings.Contains(err.Error(), "SinkConfig."+field+" is -1") {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
}

// The SDK's kind of http.Transport would keep a connection, and two goroutines,
// for ever.
func TestSinkLeavesNoConnection(t *testing.T) {
	var mu sync.Mutex
	connections := make(map[net.Conn]bool)
	server := &envelopeServer{t: t}
	server.Server = httptest.NewUnstartedServer(server)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		connections[c] = state != http.StateClosed
	}
	server.Start()
	t.Cleanup(server.Close)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{ReportWait: -1})
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

// Such a transport may hold an event for as long as it likes.
func TestSinkCustomTransport(t *testing.T) {
	transport := &slowTransport{flush: true}
	s, hub := newTestSink(t, sentry.ClientOptions{Dsn: "http://key@sentry.invalid/42", Transport: transport}, SinkConfig{})
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
	wantStats(t, s, SinkStats{Events: 1, Attachments: 4})

	transport.flush = false
	i.ID = "another"
	if err := s.Deliver(context.Background(), captured(i)); err == nil || !strings.Contains(err.Error(), "has not sent it") {
		t.Errorf("a transport that does not flush: %v", err)
	}
}

// An incident whose evidence takes long, or never comes, is told of after 5 s.
func TestSinkOpenedWithoutEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []receivedItem
		s, _ := newTestSink(t, inBubble(func(r *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, itemsOf(t, r)...)
			return 200
		}), SinkConfig{})
		all := func() []receivedItem {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return got
		}
		i := testIncident(t)
		opened := captured(i)
		opened.Kind, opened.Incident.Folder, opened.Incident.Artefacts = guard.Opened, "", nil
		deliver(t, s, opened)
		time.Sleep(captureWait - 1)
		if n := len(all()); n != 0 {
			t.Errorf("%d items sent too early", n)
		}
		time.Sleep(time.Nanosecond)
		if items := all(); len(items) != 1 || items[0].Type != "event" {
			t.Fatalf("%d items, want the event", len(items))
		}
		deliver(t, s, captured(i))
		if items := all(); len(items) != 3 || items[1].Type != "attachment" || items[2].Type != "attachment" {
			t.Errorf("%d items, want the evidence after it", len(items))
		}
	})
}

// Evidence that comes late calls that off, and the report is still waited for.
func TestSinkLateEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []receivedItem
		s, _ := newTestSink(t, inBubble(func(r *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, itemsOf(t, r)...)
			return 200
		}), SinkConfig{})
		i := testIncident(t)
		i.Reading.Unreclaimable = 100 << 20
		opened := captured(i)
		opened.Kind = guard.Opened
		deliver(t, s, opened)
		time.Sleep(captureWait - time.Second)
		time.AfterFunc(3*time.Second/2, func() { writeReport(t, i) })
		deliver(t, s, captured(i))
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(got) == 0 || got[0].Type != "event" || !strings.Contains(string(got[0].Body), testHeadline) {
			t.Errorf("the event has no headline: %d items", len(got))
		}
	})
}

func TestSinkWaitsForTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := testIncident(t)
		i.Reading.Unreclaimable = 100 << 20
		near, none, hand := i, i, i
		near.Reading.Unreclaimable = 400 << 20
		none.Artefacts = nil
		hand.Trigger = incident.TriggerManual
		for _, tt := range []struct {
			name     string
			incident guard.Incident
			want     time.Duration
		}{
			{"room", i, 2 * time.Second},
			{"near the limit", near, time.Second / 2},
			{"no evidence", none, 0},
			{"by hand", hand, 0},
		} {
			start := time.Now()
			if got := waitForReport(t.Context(), tt.incident, defaultReportWait); got != "" {
				t.Errorf("%s: %q", tt.name, got)
			}
			if waited := time.Since(start); waited != tt.want {
				t.Errorf("%s: waited %v, want %v", tt.name, waited, tt.want)
			}
		}
		start := time.Now()
		written := make(chan struct{})
		time.AfterFunc(time.Second, func() { defer close(written); writeReport(t, i) })
		if got := waitForReport(t.Context(), i, defaultReportWait); got != testHeadline {
			t.Errorf("the report comes after 1 s: %q", got)
		}
		<-written // or the folder would be removed under it
		if waited := time.Since(start); waited > time.Second+100*time.Millisecond {
			t.Errorf("waited %v for a report that came after 1 s", waited)
		}
	})
}

func TestSinkHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		posts := 0
		o := inBubble(nil)
		o.HTTPTransport = roundTrip(func(r *http.Request) (*http.Response, error) {
			posts++
			return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"60"}}, Body: http.NoBody, Request: r}, nil
		})
		s, _ := newTestSink(t, o, SinkConfig{})
		e := captured(testIncident(t))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			if err := s.Deliver(ctx, e); err == nil || !strings.Contains(err.Error(), "429") {
				t.Errorf("a server that wants nothing: %v", err)
			}
			cancel()
		}
		if posts != 1 {
			t.Errorf("%d posts within the 60 s that the server asked for, want 1", posts)
		}
		o.HTTPTransport = nil
		time.Sleep(61 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_ = s.Deliver(ctx, e)
		if posts != 2 {
			t.Errorf("%d posts after that time, want 2", posts)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server that never answers costs no more than the time that the guard gives.
func TestSinkServerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := inBubble(nil)
		o.HTTPTransport = roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		s, _ := newTestSink(t, o, SinkConfig{ReportWait: -1})
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

func TestSinkConcurrently(t *testing.T) {
	server := newEnvelopeServer(t)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.dsn()}, SinkConfig{EventsPerHour: 1000, EventsPerIssue: 1000, ReportWait: -1})
	i := testIncident(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for _, k := range []guard.EventKind{guard.Opened, guard.Captured, guard.Explained, guard.Escalated, guard.Recovered} {
				e := captured(i)
				e.Kind, e.Incident.ID = k, fmt.Sprint(w/2) // each by two
				deliver(t, s, e)
				s.Stats()
			}
		})
	}
	wg.Wait()
	// One event of each of 4 incidents; escalations and recoveries by each.
	if n := len(server.of("event")); n != 4+8+8 {
		t.Errorf("%d events, want 20", n)
	}
	if n := len(server.of("attachment")); n != 4*2 {
		t.Errorf("%d attachments, want 8", n)
	}
}
