// Package sdktest tests sentryhook's transport and sink through the Sentry SDK that its
// importer's module requires: the one that profiles in this module, the newest one in
// sentryhook/newest.
package sdktest

import (
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook"
)

// Run runs all tests.
func Run(t *testing.T) {
	t.Run("Nothing", testNothing)
	t.Run("HTTPTransport", testHTTPTransport)
	t.Run("HTTPClient", testHTTPClient)
	t.Run("HTTPClientWithoutTransport", testHTTPClientWithoutTransport)
	t.Run("HTTPProxy", testHTTPProxy)
	t.Run("HTTPSProxy", testHTTPSProxy)
	t.Run("CaCerts", testCaCerts)
	t.Run("CaCertsThroughProxy", testCaCertsThroughProxy)
	t.Run("SyncTransport", testSyncTransport)
	t.Run("Faults", testFaults)
	t.Run("Delivery", testDelivery)
	t.Run("Sink", testSink)
}

var quiet = sentryhook.TransportConfig{Logger: slog.New(slog.DiscardHandler)}

// configure calls Configure. What has more than wire bytes is compressed; 0: the default.
func configure(t *testing.T, o *sentry.ClientOptions, wire int64) *sentryhook.Transport {
	t.Helper()
	cfg := quiet
	cfg.WireBytes = wire
	tr, err := sentryhook.Configure(o, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// send has the SDK send an event and reports whether it went through tr.
func send(t *testing.T, o sentry.ClientOptions, tr *sentryhook.Transport) bool {
	t.Helper()
	client, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	event := sentry.NewEvent()
	event.Message = "a message " + strings.Repeat("that compresses ", 1000)
	if hub.CaptureEvent(event) == nil {
		t.Fatal("the SDK took no event")
	}
	hub.Flush(10 * time.Second)
	s := tr.Stats()
	return s.Envelopes == 1 && s.WireBytesOut < s.BytesIn
}

func dsn(serverURL string) string { return strings.Replace(serverURL, "://", "://key@", 1) + "/1" }

// counting is a base that counts.
type counting struct {
	http.RoundTripper
	n atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

func testNothing(t *testing.T) {
	s := newServer(t, false)
	o := sentry.ClientOptions{Dsn: dsn(s.URL)}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 {
		t.Errorf("%d events arrived", s.events())
	}
}

func testHTTPTransport(t *testing.T) {
	s := newServer(t, false)
	base := &counting{RoundTripper: http.DefaultTransport}
	o := sentry.ClientOptions{Dsn: dsn(s.URL), HTTPTransport: base}
	tr := configure(t, &o, 8<<10)
	if !send(t, o, tr) || s.events() != 1 || base.n.Load() != 1 {
		t.Errorf("%d events arrived, %d through the transport given", s.events(), base.n.Load())
	}
}

func testHTTPClient(t *testing.T) {
	s := newServer(t, false)
	base := &counting{RoundTripper: http.DefaultTransport}
	jar := &noJar{}
	client := &http.Client{Transport: base, Timeout: 7 * time.Second, Jar: jar}
	// The SDK ignores HTTPTransport beside a client, and so must we.
	o := sentry.ClientOptions{Dsn: dsn(s.URL), HTTPClient: client, HTTPTransport: failing{}}
	tr := configure(t, &o, 8<<10)
	if !send(t, o, tr) || s.events() != 1 || base.n.Load() != 1 {
		t.Errorf("%d events arrived, %d through the client's transport", s.events(), base.n.Load())
	}
	if client.Transport != http.RoundTripper(base) || o.HTTPClient == client {
		t.Error("the caller's client was changed")
	}
	if o.HTTPClient.Timeout != client.Timeout || o.HTTPClient.Jar != http.CookieJar(jar) {
		t.Error("the client's settings were lost")
	}
}

type noJar struct{}

func (*noJar) SetCookies(*url.URL, []*http.Cookie) {}
func (*noJar) Cookies(*url.URL) []*http.Cookie     { return nil }

type failing struct{}

func (failing) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Body.Close()
	return nil, errors.New("this transport is not to be used")
}

func testHTTPClientWithoutTransport(t *testing.T) {
	s := newServer(t, false)
	o := sentry.ClientOptions{Dsn: dsn(s.URL), HTTPClient: &http.Client{}}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 {
		t.Errorf("%d events arrived", s.events())
	}
}

func testHTTPProxy(t *testing.T) {
	s := newServer(t, false)
	p := newProxy(t, s)
	o := sentry.ClientOptions{Dsn: "http://key@sentry.invalid/1", HTTPProxy: p.URL}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 || p.n.Load() != 1 {
		t.Errorf("%d events arrived, %d through the proxy", s.events(), p.n.Load())
	}
}

func testHTTPSProxy(t *testing.T) {
	s := newServer(t, false)
	p := newProxy(t, s)
	// HTTPSProxy goes before HTTPProxy, whatever the scheme: the SDK's rule.
	o := sentry.ClientOptions{Dsn: "http://key@sentry.invalid/1", HTTPProxy: "http://127.0.0.1:1", HTTPSProxy: p.URL}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 || p.n.Load() != 1 {
		t.Errorf("%d events arrived, %d through the proxy", s.events(), p.n.Load())
	}
}

func testCaCerts(t *testing.T) {
	s := newServer(t, true)
	o := sentry.ClientOptions{Dsn: dsn(s.URL)}
	tr := configure(t, &o, 8<<10)
	send(t, o, tr)
	if s.events() != 0 {
		t.Fatal("the certificate is trusted anyway: nothing is tested")
	}
	o = sentry.ClientOptions{Dsn: dsn(s.URL), CaCerts: pool(s)}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 {
		t.Errorf("%d events arrived", s.events())
	}
}

func pool(s *server) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.Certificate())
	return p
}

func testCaCertsThroughProxy(t *testing.T) {
	s := newServer(t, true)
	p := newProxy(t, s)
	o := sentry.ClientOptions{Dsn: "https://key@example.com/1", CaCerts: pool(s), HTTPSProxy: p.URL}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 || p.n.Load() != 1 {
		t.Errorf("%d events arrived, %d through the proxy", s.events(), p.n.Load())
	}
}

func testSyncTransport(t *testing.T) {
	s := newServer(t, false)
	o := sentry.ClientOptions{Dsn: dsn(s.URL), Transport: sentry.NewHTTPSyncTransport()}
	if tr := configure(t, &o, 8<<10); !send(t, o, tr) || s.events() != 1 {
		t.Errorf("%d events arrived", s.events())
	}
}

func testFaults(t *testing.T) {
	if _, err := sentryhook.Configure(nil, quiet); err == nil {
		t.Error("nil options were taken")
	}
	o := sentry.ClientOptions{}
	if _, err := sentryhook.Configure(&o, sentryhook.TransportConfig{WireBytes: -1}); err == nil || o.HTTPTransport != nil {
		t.Errorf("a fault was taken, or the options were changed: %v", err)
	}
	configure(t, &o, 8<<10)
	if _, err := sentryhook.Configure(&o, quiet); err == nil {
		t.Error("configured twice")
	}
	o = sentry.ClientOptions{HTTPClient: &http.Client{}}
	configure(t, &o, 8<<10)
	if _, err := sentryhook.Configure(&o, quiet); err == nil {
		t.Error("configured twice, with a client")
	}
}

// testDelivery sends all that the SDK sends through a proxy's limit.
func testDelivery(t *testing.T) {
	s := newServer(t, false)
	s.limit = 1 << 20
	o := sentry.ClientOptions{Dsn: dsn(s.URL), EnableTracing: true, TracesSampleRate: 1}
	tr := configure(t, &o, 0)
	client, err := sentry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	span := sentry.StartTransaction(sentry.SetHubOnContext(t.Context(), hub), "GET /")
	span.Finish()
	event := sentry.NewEvent()
	event.Message = strings.Repeat("long ", 400_000) // 2 MB
	hub.CaptureEvent(event)
	hub.WithScope(func(scope *sentry.Scope) {
		scope.AddAttachment(&sentry.Attachment{Filename: "heap.pb.gz", Payload: noise(2 << 20)})
		scope.AddAttachment(&sentry.Attachment{Filename: "report.txt", Payload: []byte("report")})
		event := sentry.NewEvent()
		event.Message = "with attachments"
		hub.CaptureEvent(event)
	})
	if !hub.Flush(20 * time.Second) {
		t.Error("not flushed")
	}
	if s.refused.Load() != 0 {
		t.Errorf("%d requests refused", s.refused.Load())
	}
	if s.count("transaction") != 1 || s.count("event") != 2 {
		t.Errorf("%d transactions and %d events arrived, want 1 and 2", s.count("transaction"), s.count("event"))
	}
	if got := strings.Join(s.attached(), " "); got != "report.txt left-out.txt" {
		t.Errorf("attached: %q", got)
	}
	if stats := tr.Stats(); stats.AttachmentsDropped != 1 || stats.PassedOn != 0 {
		t.Errorf("%+v", stats)
	}
}

// proxy is an HTTP proxy that brings every request to one server, and CONNECTs
// to it.
type proxy struct {
	*httptest.Server
	n atomic.Int64
}

func newProxy(t *testing.T, s *server) *proxy {
	p := &proxy{}
	target := s.Listener.Addr().String()
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.n.Add(1)
		if r.Method == http.MethodConnect {
			tunnel(w, target)
			return
		}
		if !r.URL.IsAbs() {
			http.Error(w, "not a proxy's request", http.StatusBadRequest)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func tunnel(w http.ResponseWriter, target string) {
	to, err := net.Dial("tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		to.Close()
		return
	}
	io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(to, from)
		to.Close()
	}()
	go func() {
		io.Copy(from, to)
		from.Close()
	}()
}
