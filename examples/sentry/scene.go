package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook"
)

// The modes in which a scene runs.
const (
	asItIs        = "without"
	withTransport = "transport"
	withGate      = "gate" // and the transport
)

var modes = []string{asItIs, withTransport, withGate}

const (
	shortRequests = 4
	shortTime     = 100 * time.Millisecond
	flushTimeout  = 2 * time.Minute
)

// scene is a service that is traced and profiled.
type scene struct {
	Mode       string
	DSN        string
	Goroutines int // parked
	Long       time.Duration
}

// result is the outcome of a scene. Amounts are in bytes.
type result struct {
	Sent       int           // transactions
	Finish     time.Duration // the longest that a request waited for the SDK
	Made, Wire traffic       // what the SDK produced, and what of it was sent
	Heap       int64         // peak of the heap's objects
	Memory     int64         // peak of the system memory that Go held
	Transport  sentryhook.TransportStats
	Gate       sentryhook.GateStats
}

// run runs the service. Everything specific to sentryhook is in options.
func (s scene) run() (r result, err error) {
	if !slices.Contains(modes, s.Mode) {
		return r, fmt.Errorf("mode %q: want one of %s", s.Mode, strings.Join(modes, ", "))
	}
	made, wire := new(meter), &meter{base: http.DefaultTransport}
	o, hooks, err := s.options(made, wire)
	if err != nil {
		return r, err
	}
	if err := sentry.Init(o); err != nil {
		return r, err
	}
	stop := make(chan struct{})
	defer close(stop)
	for range s.Goroutines {
		go park(stop)
	}

	peaks := watchMemory()
	for i := range 1 + shortRequests {
		takes := shortTime
		if i == 0 {
			takes = s.Long
		}
		r.Finish = max(r.Finish, handle(takes))
		r.Sent++
	}
	if !sentry.Flush(flushTimeout) || !hooks.plain.Flush(flushTimeout) {
		return r, fmt.Errorf("not everything was sent within %v", flushTimeout)
	}
	r.Heap, r.Memory = peaks()
	r.Made, r.Wire = made.read(), wire.read()
	if hooks.transport != nil {
		r.Transport = hooks.transport.Stats()
	}
	r.Gate = hooks.gate.Stats()
	return r, nil
}

// hooks are the parts of sentryhook in use.
type hooks struct {
	transport *sentryhook.Transport
	gate      *sentryhook.Gate
	plain     *sentry.Client
}

// options returns the SDK's options for the mode. made sees what the SDK produces,
// wire what is sent.
func (s scene) options(made, wire *meter) (o sentry.ClientOptions, h hooks, err error) {
	o = sentry.ClientOptions{
		Dsn:                s.DSN,
		EnableTracing:      true,
		TracesSampleRate:   1,
		ProfilesSampleRate: 1,
		HTTPTransport:      wire,
	}
	if s.Mode != asItIs {
		if h.transport, err = sentryhook.Configure(&o, sentryhook.TransportConfig{}); err != nil {
			return o, h, err
		}
	}
	made.base = o.HTTPTransport
	o.HTTPTransport = made

	plain := o
	plain.ProfilesSampleRate = 0
	if h.plain, err = sentry.NewClient(plain); err != nil {
		return o, h, err
	}
	if s.Mode == withGate {
		// A real service would leave Settle at a minute. This one must show within
		// seconds why the gate refuses once it has settled.
		h.gate, err = sentryhook.NewGate(sentryhook.GateConfig{Plain: h.plain, Settle: -1})
		if err != nil {
			return o, h, err
		}
		o.TracesSampler = h.gate.TracesSampler(nil)
		o.BeforeSendTransaction = h.gate.BeforeSendTransaction(nil)
	}
	return o, h, nil
}

// handle handles a request and returns how long it waited for the SDK.
func handle(takes time.Duration) time.Duration {
	// A hub for each request, as in Sentry's HTTP middleware.
	ctx := sentry.SetHubOnContext(context.Background(), sentry.CurrentHub().Clone())
	tx := sentry.StartTransaction(ctx, "GET /report", sentry.WithOpName("http.server"))
	for end := time.Now().Add(takes); time.Now().Before(end); {
		work(time.Millisecond)
		time.Sleep(9 * time.Millisecond)
	}
	start := time.Now()
	tx.Finish()
	return time.Since(start)
}

// work keeps a processor busy.
func work(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// park waits, as most goroutines of a service do.
func park(stop <-chan struct{}) { <-stop }
