package realtest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook"
)

const (
	// events is how many events an SDK gets while its relay fails.
	events = 20
	// impatient is the timeout of the SDK's client if the relay would use up the
	// SDK's own 30 s: 4 s for all events.
	impatient = 200 * time.Millisecond
)

// fault is a relay that fails.
type fault struct {
	// start starts it and returns its URL.
	start func(t *testing.T) string
	// status is the answer to every request; 0: there is no answer.
	status int
	// patience is the timeout of the SDK's client; 0: the SDK's.
	patience time.Duration
	// backsOff: after the first answer the SDK itself sends nothing for a while.
	backsOff bool
}

var faults = map[string]fault{
	"down": {start: func(t *testing.T) string { return "http://127.0.0.1:" + freePort(t) }},
	"slow": {patience: impatient, start: func(t *testing.T) string { return hanging(t) }},
	"429": {status: 429, backsOff: true, start: func(t *testing.T) string {
		return answering(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		})
	}},
	"500": {status: 500, start: func(t *testing.T) string {
		return answering(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	}},
	"reset in the body": {start: func(t *testing.T) string {
		return answering(t, func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 1000)
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			c.(*net.TCPConn).SetLinger(0) // a reset, not an end
			c.Close()
		})
	}},
	"answer cut short": {status: 400, start: func(t *testing.T) string {
		return answering(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\nmalformed")
			c.Close()
		})
	}},
	"certificate of nobody": {start: func(t *testing.T) string {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}},
	"no TLS where some is wanted": {start: func(t *testing.T) string {
		return strings.Replace(answering(t, func(http.ResponseWriter, *http.Request) {}), "http:", "https:", 1)
	}},
}

func answering(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// hanging is a relay that takes a request, and answers after a minute.
func hanging(t *testing.T) string {
	over := make(chan struct{})
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(time.Minute):
		case <-r.Context().Done():
		case <-over:
		}
	})
	t.Cleanup(func() { close(over) }) // before the server waits for its handlers
	return url
}

// client returns an SDK that sends through a transport of ours.
func client(t *testing.T, url string, timeout time.Duration) (*sentry.Hub, *sentryhook.Transport, *records) {
	said := new(records)
	o := sentry.ClientOptions{
		Dsn: strings.Replace(url, "://", "://key@", 1) + "/1", EnableTracing: true, TracesSampleRate: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{}, Timeout: timeout},
	}
	tr, err := sentryhook.Configure(&o, sentryhook.TransportConfig{Logger: slog.New(said)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return sentry.NewHub(c, sentry.NewScope()), tr, said
}

// Whatever a relay does, it does not block the host, and what does not arrive is counted
// and logged.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub, tr, said := client(t, f.start(t), cmp.Or(f.patience, 30*time.Second))
			start := time.Now()
			for range events {
				capture(hub, 100<<10)
			}
			if took := time.Since(start); took > events*impatient/2 {
				t.Errorf("the host was held up for %v", took)
			}
			if !hub.Flush(time.Minute) {
				t.Fatal("not flushed")
			}
			s := tr.Stats()
			if want := int64(events); s.Requests != want && !(f.backsOff && s.Requests == 1) {
				t.Errorf("%d requests, want %d", s.Requests, want)
			}
			lost := s.Failed
			if f.status != 0 {
				lost = s.Refused[f.status]
			}
			if lost != s.Requests {
				t.Errorf("of %d requests %d are counted as lost: %+v", s.Requests, lost, s)
			}
			if n := said.count("does not send it again"); n != 1 {
				t.Errorf("it was logged %d times, want once a minute", n)
			}
		})
	}
}

// A relay with a rate limit for profiles gets none, and transactions as before.
func TestRetryAfter(t *testing.T) {
	asked := 0
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	tr, err := sentryhook.NewTransport(nil, sentryhook.TransportConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	postProfile(t, tr, url)
	postProfile(t, tr, url)
	if s := tr.Stats(); s.Dropped[sentryhook.DroppedByRelay] != 1 || s.Refused[429] != 1 || s.Failed != 0 {
		t.Errorf("%+v, want one envelope refused and one profile dropped", s)
	}
}

// What a relay first refuses and then accepts without its profile is not lost.
func TestResentIsNotLost(t *testing.T) {
	asked := 0
	url := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	tr, err := sentryhook.NewTransport(nil, sentryhook.TransportConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	postProfile(t, tr, url)
	if s := tr.Stats(); s.Resent != 1 || s.Dropped[sentryhook.DroppedOnRefusal] != 1 || len(s.Refused) != 0 || s.Failed != 0 {
		t.Errorf("%+v, want one that was sent again, and nothing that was refused in the end", s)
	}
}

// postProfile sends an envelope with a profile.
func postProfile(t *testing.T, rt http.RoundTripper, url string) {
	t.Helper()
	body := "{}\n{\"type\":\"transaction\"}\n{}\n{\"type\":\"profile\"}\n{}\n"
	req, err := http.NewRequest(http.MethodPost, url+"/api/1/envelope/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// How much can wait for a relay that hangs: the SDK's queue, which is 1,000 bodies as it
// made them, and one body that is being sent. The SDK drops everything beyond, and says so
// only in its own log (sentry.Logger).
func TestMemoryWhileRelayHangs(t *testing.T) {
	const (
		queue    = 1000
		bodySize = 20 << 10
		most     = (queue+1)*bodySize*5/4 + 2<<20 // a request weighs something too
	)
	hub, tr, _ := client(t, hanging(t), time.Minute)
	capture(hub, bodySize)
	before := liveHeap()
	start := time.Now()
	for range 3 * queue {
		capture(hub, bodySize)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("the host was held up for %v", took)
	}
	grown := liveHeap() - before
	t.Logf("%d bodies of %d KiB hold %.1f MiB, at most %.1f MiB", 3*queue, bodySize>>10, mib(grown), mib(most))
	if grown > most {
		t.Errorf("%.1f MiB are held, want at most %.1f", mib(grown), mib(most))
	}
	if grown < queue*bodySize/2 {
		t.Errorf("%.1f MiB are held: does the relay hang?", mib(grown))
	}
	if s := tr.Stats(); s.Requests != 1 {
		t.Errorf("%d requests were sent to a relay that hangs, want 1", s.Requests)
	}
	runtime.KeepAlive(hub)
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// capture has the SDK send an event with an attachment of a size.
func capture(hub *sentry.Hub, size int) {
	hub.WithScope(func(scope *sentry.Scope) {
		scope.AddAttachment(&sentry.Attachment{Filename: "note.txt", Payload: []byte(strings.Repeat("x", size))})
		hub.CaptureMessage(fmt.Sprint("a message of ", size))
	})
}

// records is a slog.Handler that keeps what is logged at Warn.
type records struct {
	mu   sync.Mutex
	said []string
}

func (r *records) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (r *records) WithAttrs([]slog.Attr) slog.Handler           { return r }
func (r *records) WithGroup(string) slog.Handler                { return r }
func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, rec.Message)
	return nil
}

func (r *records) count(words string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.said {
		if strings.Contains(s, words) {
			n++
		}
	}
	return n
}
