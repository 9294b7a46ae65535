package guardhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Config configures a handler. Its zero value works.
type Config struct {
	// CaptureEvery is the least time between the end of a capture and the next
	// over HTTP, of the button and of POST capture. Zero: 10 s.
	CaptureEvery time.Duration
	// ProfileEvery is the same for GET heap and GET goroutine, which keep
	// nothing. Zero: 2 s.
	ProfileEvery time.Duration
	// Viewers is how many live pages are served at a time; a further one is
	// answered 503. Zero: 128.
	Viewers int
	// UpdateEvery is how often they are told what is new; at least 100 ms.
	// Zero: 1 s.
	UpdateEvery time.Duration
}

// What a handler holds at most, whatever is asked of it.
const (
	mostRequests  = 64 // answered at a time, besides viewers
	mostReads     = 8  // of them such as read a manifest or the history
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

// Handler serves the page of a guard, its API and its evidence, below whatever
// path it is mounted at. A nil guard is served, too: the page says that there is
// none. Whoever reaches the handler sees profiles of the process, so mount it
// behind the same protection as net/http/pprof.
func Handler(g *guard.Guard, cfg Config) http.Handler {
	return newHandler(g, g != nil, cfg)
}

// watched is what a handler asks of a guard.
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

// ServeHTTP answers a request. That of a page that stays open is in its own
// number; the others share one, so that nobody can have it hold more.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	route, args := parseRoute(r.URL.Path)
	if route == routeNone {
		http.Error(w, "guardhttp: there is no such page", http.StatusNotFound)
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
		later(w, http.StatusServiceUnavailable, time.Second, "too many requests are being answered")
		return
	}
	defer release()
	// Whoever reads slowly holds its place only so long; [handler.download]
	// gives large files more.
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

// read answers what takes some MiB to be answered.
func (h *handler) read(w http.ResponseWriter, answer func()) {
	release, ok := h.reads.take()
	if !ok {
		later(w, http.StatusServiceUnavailable, time.Second, "too much is being read")
		return
	}
	defer release()
	answer()
}

// shortAnswer is how long an answer of some 100 KB may take to be read.
const shortAnswer = 30 * time.Second

// setDeadlines bounds how long this request may take to be sent and its answer to
// be read. The server sets both anew for the next request of the connection.
func setDeadlines(w http.ResponseWriter, d time.Duration) {
	rc := http.NewResponseController(w)
	// What cannot set them, such as a test's recorder, has no connection that
	// could be held.
	_ = rc.SetReadDeadline(time.Now().Add(d))
	_ = rc.SetWriteDeadline(time.Now().Add(d))
}
