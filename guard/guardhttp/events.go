package guardhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"
)

// hub sends updates to all live pages. While there are any, one goroutine reads the
// guard's state and makes each message once for all of them. It ends when the last page
// has disconnected.
type hub struct {
	states *states
	g      watched
	every  time.Duration
	most   int

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	running bool
	// servers are the servers that have a shutdown callback, with whether they have
	// shut down. The pointers are weak, because a program may create many servers, for
	// example in tests.
	servers map[weak.Pointer[http.Server]]bool
}

// viewer is a live page.
type viewer struct {
	server *http.Server // nil: unknown
	// messages is a short queue. It is closed if the viewer is too slow and the queue is
	// full. A browser then reconnects.
	messages chan []byte
	fresh    bool // nothing has been sent yet
}

const (
	backlog = 3
	// slowestMessage is the time for writing a message. Writes go to the kernel's
	// buffers first, so a client that exceeds it has not read for much longer.
	slowestMessage = 10 * time.Second
	// keepAlive is the longest time between messages.
	keepAlive = 15 * time.Second
	// sentPoints is the most readings in a message.
	sentPoints = 20
)

func newHub(s *states, g watched, cfg Config) *hub {
	return &hub{states: s, g: g, every: cfg.UpdateEvery, most: cfg.Viewers,
		viewers: make(map[*viewer]struct{}), servers: make(map[weak.Pointer[http.Server]]bool)}
}

// serve is the stream of one page.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // keeps nginx from buffering messages
	if r.Method == http.MethodHead {
		return
	}
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	v := h.join(server)
	if v == nil {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		later(w, http.StatusServiceUnavailable, 5*time.Second, fmt.Sprintf("%d live pages are open, which is the maximum", h.most))
		return
	}
	defer h.leave(v)
	rc := http.NewResponseController(w)
	send := func(message []byte) bool {
		// If deadlines are not supported, there is no connection that could be slow.
		_ = rc.SetWriteDeadline(time.Now().Add(slowestMessage))
		if _, err := w.Write(message); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	// The request has been read. Clear its deadline, because the page stays open.
	_ = rc.SetReadDeadline(time.Time{})
	if !send([]byte("retry: 2000\n\n")) {
		return
	}
	for {
		select {
		case m, ok := <-v.messages:
			if !ok || !send(m) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// join adds a viewer. It returns nil if there are too many.
func (h *hub) join(server *http.Server) *viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) >= h.most || !h.serving(server) {
		return nil
	}
	v := &viewer{server: server, messages: make(chan []byte, backlog), fresh: true}
	h.viewers[v] = struct{}{}
	if !h.running {
		h.running = true
		go h.run()
	}
	return v
}

// serving reports whether a server is not shutting down. It registers a shutdown
// callback on a new server, which would otherwise wait for open pages. mu is held.
func (h *hub) serving(server *http.Server) bool {
	if server == nil {
		return true
	}
	key := weak.Make(server)
	down, known := h.servers[key]
	if !known {
		h.servers[key] = false
		server.RegisterOnShutdown(func() { h.shutDown(key) })
		runtime.AddCleanup(server, h.forget, key)
	}
	return !down
}

// forget is called when a server has been garbage collected.
func (h *hub) forget(server weak.Pointer[http.Server]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.servers, server)
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
}

// shutDown ends the streams of a server.
func (h *hub) shutDown(server weak.Pointer[http.Server]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers[server] = true
	for v := range h.viewers {
		if v.server == server.Value() {
			h.drop(v)
		}
	}
}

// drop ends a viewer's stream; mu is held.
func (h *hub) drop(v *viewer) {
	if _, there := h.viewers[v]; there {
		delete(h.viewers, v)
		close(v.messages)
	}
}

// run is the goroutine that sends the updates. It recovers panics, which no server would
// recover here. The streams end then, and browsers that reconnect start a new goroutine.
func (h *hub) run() {
	defer func() {
		if recover() != nil {
			h.stop(true)
		}
	}()
	ticker := time.NewTicker(h.every)
	defer ticker.Stop()
	m := messenger{pointsSince: time.Now()}
	for range ticker.C {
		if h.stop(false) {
			return
		}
		whole, news := m.next(h.states.now(), h.g)
		h.broadcast(whole, news)
	}
}

// stop reports whether there are no viewers left, and if so notes that the goroutine
// ends. all ends all streams first.
func (h *hub) stop(all bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all {
		for v := range h.viewers {
			h.drop(v)
		}
	}
	if len(h.viewers) == 0 {
		h.running = false
	}
	return !h.running
}

// broadcast sends the whole state to new viewers, and the news to the others.
func (h *hub) broadcast(whole func() []byte, news []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		m := news
		if v.fresh {
			m = whole()
		}
		if m == nil {
			continue
		}
		select {
		case v.messages <- m:
			v.fresh = false
		default:
			h.drop(v)
		}
	}
}

// messenger makes the messages of one run: JSON objects with the sections of the state
// that have changed since the last message.
type messenger struct {
	sections    map[string]json.RawMessage
	pointsSince time.Time
	lastSent    time.Time
}

// next returns a function that makes a message with the whole state, and a message with
// the news, which is nil if there are none.
func (m *messenger) next(s *state, g watched) (whole func() []byte, news []byte) {
	sections, err := split(s)
	if err != nil {
		return func() []byte { return nil }, nil
	}
	changed := make(map[string]json.RawMessage)
	for name, data := range sections {
		if !bytes.Equal(m.sections[name], data) {
			changed[name] = data
		}
	}
	m.sections = sections
	readings := g.History(m.pointsSince)
	if n := len(readings); n > 0 {
		m.pointsSince = readings[n-1].Time.Add(time.Nanosecond)
		if data, err := json.Marshal(newPoints(readings, sentPoints)); err == nil {
			changed["points"] = data
		}
	}
	var made []byte
	whole = func() []byte {
		if made == nil {
			made = message(sections)
		}
		return made
	}
	// A new time alone is not worth a message, unless nothing was sent for a while.
	if _, ok := changed["time"]; ok && len(changed) == 1 && s.Time.Sub(m.lastSent) < keepAlive {
		return whole, nil
	}
	m.lastSent = s.Time
	return whole, message(changed)
}

// split returns the sections of the state, by name.
func split(s *state) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var sections map[string]json.RawMessage
	return sections, json.Unmarshal(data, &sections)
}

// message returns one event of the stream. Marshaled JSON has no line breaks.
func message(sections map[string]json.RawMessage) []byte {
	data, err := json.Marshal(sections)
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	b.Grow(len(data) + 16)
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}
