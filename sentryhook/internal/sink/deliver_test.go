package sink

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func names(items []relaytest.Item) (n []string) {
	for _, i := range items {
		n = append(n, i.Filename)
	}
	return n
}

func TestSinkEventThenEvidence(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN(), SampleRate: 1e-12}, Config{})
	i := testIncident(t)
	opened := guard.Event{Kind: guard.Opened, Incident: i, Time: when}
	opened.Incident.Folder, opened.Incident.Artefacts = "", nil
	deliver(t, s, opened)
	if n := len(server.Accepted("event")); n != 0 {
		t.Errorf("%d events before there is evidence", n)
	}
	write(t, i.Folder, "report.txt", []byte(testHeadline+"\n\nSuspects\n"))
	deliver(t, s, captured(i))
	writeReport(t, i)
	later := captured(explained(i))
	later.Kind = guard.Explained
	deliver(t, s, later)
	deliver(t, s, later) // nothing is sent twice

	events, files := server.Accepted("event"), server.Accepted("attachment")
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
	if server.Requests()[0].Items[0].Type != "event" {
		t.Errorf("first came %s, want the event", server.Requests()[0].Items[0].Type)
	}
	if !strings.Contains(server.Requests()[0].Auth, "sentry_key=key") {
		t.Errorf("authenticated as %q", server.Requests()[0].Auth)
	}
	wantStats(t, s, Stats{Events: 1, Attachments: 4})
}

// What is sent for everything that can happen to an incident.
func TestSinkKinds(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{})
	i := testIncident(t)
	deliver(t, s, captured(i)) // without a report
	i = explained(i)
	for _, k := range []guard.EventKind{guard.Escalated, guard.Recovered, guard.PreviousDeath, guard.EventKind(99)} {
		deliver(t, s, guard.Event{Kind: k, Incident: i, Time: when, Reason: k.String()})
	}
	addProfile(t, &i, "heap.2.pb.gz", "heap") // of the escalation
	deliver(t, s, captured(i))
	events := server.Accepted("event")
	if len(events) != 4 {
		t.Fatalf("%d events, want one for the incident, its escalation, its recovery and the death", len(events))
	}
	if !strings.Contains(string(events[1].Body), `"fingerprint":["leakguard","memory"]`) {
		t.Errorf("the escalation is in another issue: %s", events[1].Body)
	}
	want := []string{"goroutine.pb.gz", "heap.pb.gz", "goroutine.pb.gz", "heap.pb.gz", "heap.2.pb.gz"}
	files := server.Accepted("attachment")
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
	server := relaytest.New(t, 0)
	i := testIncident(t)
	first, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1})
	server.Respond(func(relaytest.Request) (int, http.Header) { return 503, nil })
	err := first.Deliver(context.Background(), captured(i))
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), i.ID) || !strings.Contains(err.Error(), "attempt 3") {
		t.Errorf("a server that is down: %v", err)
	}
	wantStats(t, first, Stats{Failed: 1})
	server.Respond(nil)

	second, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{})
	opened, again := captured(i), captured(i)
	opened.Kind, opened.Redelivered, again.Redelivered = guard.Opened, true, true
	deliver(t, second, opened)
	if len(server.Requests()) != 3 {
		t.Errorf("%d posts: what is captured is told of twice", len(server.Requests()))
	}
	deliver(t, second, again)
	events := server.Accepted("event")
	if len(events) != 1 || !strings.Contains(string(events[0].Body), `"leakguard.redelivered":"yes"`) {
		t.Fatalf("after the next start: %d events", len(events))
	}
	if want := eventID(captured(i)); events[0].EventID != string(want) {
		t.Errorf("its ID is %s, want the first one's %s", events[0].EventID, want)
	}

	// An incident that was cut short has no evidence, and is told of.
	third, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{})
	opened.Incident.Artefacts = nil
	deliver(t, third, opened)
	if n := len(server.Accepted("event")); n != 2 {
		t.Errorf("%d events, want 2", n)
	}

	// A report that the next process writes joins the event of this one.
	fourth, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{})
	writeReport(t, i)
	explained := again
	explained.Kind = guard.Explained
	deliver(t, fourth, explained)
	if n := len(server.Accepted("event")); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	files := server.Accepted("attachment")
	if last := files[len(files)-1]; last.EventID != events[0].EventID {
		t.Error("the report is not with its event")
	}
}

func TestSinkHooks(t *testing.T) {
	server := relaytest.New(t, 0)
	s, hub := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN(), BeforeSend: func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event {
		if e.Level == sentry.LevelInfo {
			return nil
		}
		e.Tags["by"] = "before-send"
		return e
	}}, Config{ReportWait: -1})
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
	events := server.Accepted("event")
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
	wantStats(t, s, Stats{Events: 1, Attachments: 2, Unwanted: 1})
	if len(scope.Clone().ApplyToEvent(sentry.NewEvent(), nil, nil).Breadcrumbs) != 1 {
		t.Error("the hub's own scope was changed")
	}
}

func TestSinkQuotaDropsAndCounts(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{EventsPerIssue: 2, ReportWait: -1})
	server.Respond(func(relaytest.Request) (int, http.Header) { return 500, nil })
	_ = s.Deliver(context.Background(), captured(testIncident(t))) // costs nothing
	server.Respond(nil)
	for n := range 5 {
		i := testIncident(t)
		i.ID = fmt.Sprint(n)
		deliver(t, s, captured(i))
		deliver(t, s, captured(i))
	}
	wantStats(t, s, Stats{Events: 2, Attachments: 4, OverQuota: 3, Failed: 1})
}

func TestSinkWithoutAnybodyToSendTo(t *testing.T) {
	e := captured(testIncident(t))
	var none *Sink
	if err := none.Deliver(context.Background(), e); err != nil || none.Name() == "" || none.Stats() != (Stats{}) {
		t.Errorf("a nil sink: %v", err)
	}
	cfg := Config{ReportWait: -1}
	for name, hub := range map[string]*sentry.Hub{"a nil hub": nil, "a hub without a client": sentry.NewHub(nil, sentry.NewScope())} {
		s, err := New(hub, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(context.Background(), e); err == nil || !strings.Contains(err.Error(), "sentry.Init") {
			t.Errorf("%s: %v, want what to do", name, err)
		}
	}
	off, _ := newTestSink(t, sentry.ClientOptions{}, cfg)
	deliver(t, off, e)
	wantStats(t, off, Stats{Disabled: 1})

	gone := relaytest.New(t, 0)
	gone.Close()
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: gone.DSN()}, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ctx := range []context.Context{context.Background(), ctx} {
		if err := s.Deliver(ctx, e); err == nil {
			t.Error("a server that is not there: no error")
		}
	}
}

func TestSinkConfigFaults(t *testing.T) {
	_, err := New(nil, Config{MaxAttachment: -1, EventsPerHour: -1, EventsPerIssue: -1})
	for _, field := range []string{"MaxAttachment", "EventsPerHour", "EventsPerIssue"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+" is -1") {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
}

func TestSinkConcurrently(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{EventsPerHour: 1000, EventsPerIssue: 1000, ReportWait: -1})
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
	if n := len(server.Accepted("event")); n != 4+8+8 {
		t.Errorf("%d events, want 20", n)
	}
	if n := len(server.Accepted("attachment")); n != 4*2 {
		t.Errorf("%d attachments, want 8", n)
	}
}
