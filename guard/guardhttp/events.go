package guardhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// hub tells all live pages what is new. While there are any, one goroutine asks
// the guard and makes the message, once for all of them; when the last has left it
// ends.
type hub struct {
	states *states
	g      watched
	every  time.Duration
	most   int

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	running bool
	servers map[*http.Server]bool // that tell when they shut down; whether they do
}

// viewer is a live page.
type viewer struct {
	server *http.Server // nil: not known
	// messages has room for a few: who has not taken them by then is slow, and
	// finds it closed. A browser comes back by itself.
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
		viewers: make(map[*viewer]struct{}), servers: make(map[*http.Server]bool)}
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
	down, known := h.servers[server]
	if len(h.viewers) >= h.most || down {
		return nil
	}
	if server != nil && !known {
		// Without this a server that is being shut down would wait for pages
		// that somebody has left open.
		h.servers[server] = false
		server.RegisterOnShutdown(func() { h.shutDown(server) })
	}
	v := &viewer{server: server, messages: make(chan []byte, backlog), fresh: true}
	h.viewers[v] = struct{}{}
	if !h.running {
		h.running = true
		go h.run()
	}
	return v
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
}

// shutDown ends the streams of a server.
func (h *hub) shutDown(server *http.Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers[server] = true
	for v := range h.viewers {
		if v.server == server {
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

// run is the goroutine that tells them.
func (h *hub) run() {
	ticker := time.NewTicker(h.every)
	defer ticker.Stop()
	m := messenger{pointsSince: time.Now()}
	for range ticker.C {
		h.mu.Lock()
		if len(h.viewers) == 0 {
			h.running = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		whole, news := m.next(h.states.now(), h.g)
		h.broadcast(whole, news)
	}
}

// broadcast hands out a message: all of the state to who has not had any, what is
// new to the others.
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
