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

// hub tells all live pages what is new. While there are any, one goroutine asks
// the guard and makes the message, once for all of them. It ends when the last page
// has left.
type hub struct {
	states *states
	g      watched
	every  time.Duration
	most   int

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	running bool
	// servers are those that tell when they shut down, and whether they do. It does
	// not keep them alive: a program may make many, for tests say.
	servers map[weak.Pointer[http.Server]]bool
}

// viewer is a live page.
type viewer struct {
	server *http.Server // nil: not known
	// messages has room for a few. A viewer that has not taken them by then is slow,
	// and finds it closed. A browser comes back by itself.
	messages chan []byte
	fresh    bool // has been sent nothing yet
}

const (
	backlog = 3
	// slowestMessage is how long a message may take to be written. What is
	// written lies in the kernel's buffers first, so who exceeds it has not
	// read for much longer.
	slowestMessage = 10 * time.Second
	// keepAlive is after how long something is sent if nothing is new.
	keepAlive = 15 * time.Second
	// sentPoints is how many readings a message has at most.
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
	header.Set("X-Accel-Buffering", "no") // nginx would keep messages back
	if r.Method == http.MethodHead {
		return
	}
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	v := h.join(server)
	if v == nil {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		later(w, http.StatusServiceUnavailable, 5*time.Second, fmt.Sprintf("%d live pages are open, which is as many as are served", h.most))
		return
	}
	defer h.leave(v)
	rc := http.NewResponseController(w)
	send := func(message []byte) bool {
		// What has no deadlines is no connection that could be slow.
		_ = rc.SetWriteDeadline(time.Now().Add(slowestMessage))
		if _, err := w.Write(message); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	// The request has been read; a page that stays open is not to be cut off.
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

// join adds a viewer; nil says that there are too many.
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

// serving reports whether a server goes on serving; mu is held. It has a server
// that is not known yet tell when it shuts down: else it would wait for pages that
// somebody has left open.
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

// forget is called when a server is gone.
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

// run is the goroutine that tells them. A panic would end the program, since no
// server recovers it: the streams end instead, and the browsers that come back have
// another goroutine started.
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

// stop reports whether nobody looks any more, and notes that the goroutine ends
// then. all has it end in any case, with all streams.
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

// broadcast hands out a message: all of the state to new viewers, what is new to
// the others.
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

// messenger makes the messages of one run: JSON objects with those sections of the
// state that have changed since the last.
type messenger struct {
	sections    map[string]json.RawMessage
	pointsSince time.Time
	lastSent    time.Time
}

// next returns all of the state, made when it is asked for, and what is new; nil
// says that nothing is.
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
	// That time goes by is no news, unless nothing else has been for long.
	if _, ok := changed["time"]; ok && len(changed) == 1 && s.Time.Sub(m.lastSent) < keepAlive {
		return whole, nil
	}
	m.lastSent = s.Time
	return whole, message(changed)
}

// split returns the state's sections.
func split(s *state) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var sections map[string]json.RawMessage
	return sections, json.Unmarshal(data, &sections)
}

// message is one event of the stream; JSON has no line breaks.
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
