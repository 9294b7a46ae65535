// Package hub spreads chat messages to the members of a room.
package hub

import (
	"net/http"

	"github.com/gorilla/websocket"
)

type message struct {
	room string
	text []byte
}

// Hub has all clients, by room. Run owns the rooms.
type Hub struct {
	upgrader     websocket.Upgrader
	enter, leave chan *client
	broadcast    chan message
	rooms        map[string]map[*client]struct{}
}

// New returns a hub.
func New() *Hub {
	return &Hub{
		upgrader:  websocket.Upgrader{ReadBufferSize: 8 << 10, WriteBufferSize: 8 << 10},
		enter:     make(chan *client),
		leave:     make(chan *client),
		broadcast: make(chan message, 64),
		rooms:     map[string]map[*client]struct{}{},
	}
}

// Run does the hub's work.
func (h *Hub) Run() {
	for {
		select {
		case c := <-h.enter:
			room := h.rooms[c.room]
			if room == nil {
				room = map[*client]struct{}{}
				h.rooms[c.room] = room
			}
			room[c] = struct{}{}
		case c := <-h.leave:
			delete(h.rooms[c.room], c)
			close(c.send)
		case m := <-h.broadcast:
			for c := range h.rooms[m.room] {
				select {
				case c.send <- m.text:
				default: // a slow client misses it
				}
			}
		}
	}
}

// Serve takes a client in.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request) {
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &client{hub: h, conn: conn, room: r.URL.Query().Get("room"), send: make(chan []byte, 256)}
	h.enter <- c
	go c.write()
	c.read()
}
