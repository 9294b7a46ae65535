package guardhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Config configures a handler. The zero Config is valid. Zero and negative values stand
// for the defaults.
type Config struct {
	// CaptureEvery is the minimum time between the end of a capture over HTTP and the
	// start of the next. Zero: 10 s.
	CaptureEvery time.Duration
	// ProfileEvery is the same for GET heap and GET goroutine. Zero: 2 s.
	ProfileEvery time.Duration
	// Viewers is the maximum number of open live pages. Further ones get 503. Zero:
	// 128.
	Viewers int
	// UpdateEvery is the interval of updates to live pages, at least 100 ms. Zero: 1 s.
	UpdateEvery time.Duration
}

// The maximum numbers of concurrent requests.
const (
	mostRequests  = 64 // besides viewers
	mostReads     = 8  // requests that read a manifest or the history
	mostDownloads = 8
	mostFlames    = 1
)

func (c Config) withDefaults() Config {
	fill := func(d *time.Duration, zero, least time.Duration) {
		if *d <= 0 {
			*d = zero
		}
		*d = max(*d, least)
	}
	fill(&c.CaptureEvery, 10*time.Second, time.Millisecond)
	fill(&c.ProfileEvery, 2*time.Second, time.Millisecond)
	fill(&c.UpdateEvery, time.Second, 100*time.Millisecond)
	if c.Viewers <= 0 {
		c.Viewers = 128
	}
	return c
}

// Handler returns a handler that serves the page of a guard, its API and its evidence,
// relative to the path at which it is mounted. If g is nil, the page says that there is
// no guard. The handler exposes profiles of the process, so protect it like
// net/http/pprof.
func Handler(g *guard.Guard, cfg Config) http.Handler {
	return newHandler(g, g != nil, cfg)
}

// watched is the part of a guard that a handler uses.
type watched interface {
	Snapshot() guard.Snapshot
	History(since time.Time) []incident.Reading
	Capture(ctx context.Context, reason string, kinds ...profile.Kind) (guard.Incident, error)
	Store() *incident.Store
}

func newHandler(g watched, there bool, cfg Config) *handler {
	cfg = cfg.withDefaults()
	h := &handler{
		g: g, there: there,
		requests: make(slots, mostRequests), reads: make(slots, mostReads), downloads: make(slots, mostDownloads), flames: make(slots, mostFlames),
		captures: pace{every: cfg.CaptureEvery}, profiles: pace{every: cfg.ProfileEvery},
	}
	h.states = &states{g: g, there: there, incidents: incidentList{store: g.Store()}}
	h.hub = newHub(h.states, g, cfg)
	return h
}

type handler struct {
	g     watched
	there bool // false: g is a nil guard

	requests, reads, downloads, flames slots
	captures, profiles                 pace

	states *states
	hub    *hub
}

// ServeHTTP answers a request. Live pages have their own limit; all other requests share
// one.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	route, args := parseRoute(r.URL.Path)
	if route == routeNone {
		http.Error(w, "guardhttp: no such page", http.StatusNotFound)
		return
	}
	if !allowMethod(w, r, route) {
		return
	}
	if route == routeEvents {
		h.hub.serve(w, r)
		return
	}
	release, ok := h.requests.take()
	if !ok {
		later(w, http.StatusServiceUnavailable, time.Second, "too many requests are running")
		return
	}
	defer release()
	// Limit the time of slow clients. [handler.download] allows more for large files.
	setDeadlines(w, shortAnswer)
	switch route {
	case routePage:
		h.page(w, r)
	case routeAsset:
		h.asset(w, r, args[0])
	case routeState:
		h.state(w, r)
	case routeHistory:
		h.read(w, func() { h.history(w, r) })
	case routeIncidents:
		h.listIncidents(w, r)
	case routeIncident:
		h.read(w, func() { h.incident(w, r, args[0]) })
	case routeFlame:
		if ownPage(w, r) {
			h.read(w, func() { h.flame(w, r, args[0]) })
		}
	case routeFile:
		h.download(w, r, args[0], args[1])
	case routeCapture:
		h.capture(w, r)
	case routeProfile:
		if ownPage(w, r) {
			h.profile(w, r, args[0])
		}
	}
}

// read answers a request that needs some MiB.
func (h *handler) read(w http.ResponseWriter, answer func()) {
	release, ok := h.reads.take()
	if !ok {
		later(w, http.StatusServiceUnavailable, time.Second, "too many requests are reading files")
		return
	}
	defer release()
	answer()
}

// shortAnswer is the time for a client to read an answer of some 100 KB.
const shortAnswer = 30 * time.Second

// setDeadlines limits the time for the client to send the request and to read the
// answer. The server resets both for the connection's next request.
func setDeadlines(w http.ResponseWriter, d time.Duration) {
	// If deadlines are not supported, as by a test's recorder, there is no connection to
	// protect.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
	setWriteDeadline(w, d)
}

func setWriteDeadline(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
