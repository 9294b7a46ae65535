package link

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// roundTrip is a server in memory, for tests with fake time.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// connectTo returns the link of a client that has no goroutine.
func connectTo(t *testing.T, server roundTrip) *Link {
	t.Helper()
	return connect(t, sentry.ClientOptions{
		Dsn: "http://key@sentry.invalid/42", HTTPTransport: server, Transport: sentry.NewHTTPSyncTransport(),
		Integrations: func([]sentry.Integration) []sentry.Integration { return nil },
	})
}

func connect(t *testing.T, o sentry.ClientOptions) *Link {
	t.Helper()
	client, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewConnector(sentry.NewHub(client, sentry.NewScope())).Connect()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func answer(r *http.Request, status int, retryAfter string) (*http.Response, error) {
	header := http.Header{}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: r}, nil
}

func send(ctx context.Context, l *Link) error {
	_, err := l.Send(ctx, &sentry.Event{EventID: "0123456789abcdef0123456789abcdef", Message: "hello"}, sentry.NewScope())
	return err
}

// An event and an attachment arrive, and the attachment names its event.
func TestSendAndAttach(t *testing.T) {
	relay := relaytest.New(t, 0)
	l := connect(t, sentry.ClientOptions{Dsn: relay.DSN()})
	defer l.Idle()
	if l.Off() || l.Custom() {
		t.Errorf("off %v, custom %v", l.Off(), l.Custom())
	}
	if err := send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	file := &sentry.Attachment{Filename: "report.txt", ContentType: "text/plain", Payload: []byte("a\nb\n")}
	if err := l.Attach(t.Context(), "0123456789abcdef0123456789abcdef", file, "/evidence/1"); err != nil {
		t.Fatal(err)
	}
	events, files := relay.Accepted("event"), relay.Accepted("attachment")
	if len(events) != 1 || !strings.Contains(string(events[0].Body), "hello") {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	if len(files) != 1 || files[0].EventID != events[0].EventID || files[0].Filename != "report.txt" || files[0].MIME != "text/plain" || string(files[0].Body) != "a\nb\n" {
		t.Errorf("attached %+v to %s", files, events[0].EventID)
	}
	if auth := relay.Last(t).Auth; !strings.Contains(auth, "sentry_key=key") {
		t.Errorf("authenticated as %q", auth)
	}
}

// Which answers lead to another attempt, and after how long.
func TestAttempts(t *testing.T) {
	for _, c := range []struct {
		statuses []int // 0: no answer
		attempts int
		took     time.Duration
		ok       bool
		forGood  bool
	}{
		{[]int{200}, 1, 0, true, false},
		{[]int{503, 200}, 2, time.Second, true, false},
		{[]int{0, 0, 202}, 3, 5 * time.Second, true, false},
		{[]int{408, 500, 502, 200}, 3, 5 * time.Second, false, false},
		{[]int{413, 200}, 1, 0, false, true},
		{[]int{400, 200}, 1, 0, false, true},
		{[]int{401, 200}, 1, 0, false, false},
		{[]int{302, 200}, 1, 0, false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			l := connectTo(t, func(r *http.Request) (*http.Response, error) {
				attempts++
				if status := c.statuses[attempts-1]; status != 0 {
					return answer(r, status, "")
				}
				return nil, errors.New("no route")
			})
			start := time.Now()
			err := send(t.Context(), l)
			if (err == nil) != c.ok || attempts != c.attempts || time.Since(start) != c.took {
				t.Errorf("%v: %d attempts in %v: %v", c.statuses, attempts, time.Since(start), err)
			}
			var refused *RefusedError
			if errors.As(err, &refused) != (err != nil) || err != nil && refused.ForGood() != c.forGood {
				t.Errorf("%v: %v", c.statuses, err)
			}
		})
	}
}

// Retry-After has two forms, and proxies send dates.
func TestHonoursRetryAfter(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "60" },
		"date":    func() string { return time.Now().Add(time.Minute).UTC().Format(http.TimeFormat) },
	} {
		synctest.Test(t, func(t *testing.T) {
			posts := 0
			l := connectTo(t, func(r *http.Request) (*http.Response, error) {
				posts++
				return answer(r, http.StatusTooManyRequests, header())
			})
			sendFor30s := func() {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := send(ctx, l); err == nil || !strings.Contains(err.Error(), "429") {
					t.Errorf("%s: a server that asks us to wait: %v", name, err)
				}
			}
			sendFor30s()
			sendFor30s()
			if posts != 1 {
				t.Errorf("%s: %d posts within the 60 s that the server asked for, want 1", name, posts)
			}
			time.Sleep(61 * time.Second)
			sendFor30s()
			if posts != 2 {
				t.Errorf("%s: %d posts after that time, want 2", name, posts)
			}
		})
	}
}

func TestWithoutServer(t *testing.T) {
	if _, err := NewConnector(sentry.NewHub(nil, sentry.NewScope())).Connect(); err == nil || !strings.Contains(err.Error(), "sentry.Init") {
		t.Errorf("a hub without a client: %v, want what to do", err)
	}
	if l := connect(t, sentry.ClientOptions{}); !l.Off() || l.Custom() {
		t.Errorf("an empty DSN: off %v, custom %v", l.Off(), l.Custom())
	}
	if l := connect(t, sentry.ClientOptions{Transport: new(keptEvent)}); l.Off() || !l.Custom() {
		t.Errorf("a transport of the user's own: off %v, custom %v", l.Off(), l.Custom())
	}
}

// Another client on the hub gets another link.
func TestConnectFollowsTheHub(t *testing.T) {
	one, err1 := sentry.NewClient(sentry.ClientOptions{})
	two, err2 := sentry.NewClient(sentry.ClientOptions{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(one, sentry.NewScope())
	c := NewConnector(hub)
	first, _ := c.Connect()
	again, _ := c.Connect()
	hub.BindClient(two)
	other, _ := c.Connect()
	if first != again || first == other || other.main != two {
		t.Errorf("links %p, %p and, of another client, %p", first, again, other)
	}
}
