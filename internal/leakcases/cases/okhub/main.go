// https://github.com/gorilla/websocket/issues/134: a lot of memory for a lot of
// connections is what they need. The clients arrive, stay, and talk.
package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"example.com/leakcases/service"
	"github.com/gorilla/websocket"
)

type client struct {
	conn *websocket.Conn
	send chan []byte
}

type hub struct {
	upgrader websocket.Upgrader
	mu       sync.Mutex
	clients  map[*client]bool
}

func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &client{conn, make(chan []byte, 32)}
	h.mu.Lock()
	h.clients[c] = true
	h.mu.Unlock()
	go h.write(c)
	defer func() {
		h.mu.Lock()
		delete(h.clients, c)
		h.mu.Unlock()
		close(c.send)
		conn.Close()
	}()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		select {
		case c.send <- text:
		default:
		}
	}
}

func (h *hub) write(c *client) {
	for text := range c.send {
		if c.conn.WriteMessage(websocket.TextMessage, text) != nil {
			return
		}
	}
}

// open are the connections of the child process.
var open []*websocket.Conn

func talk(base string, i int) {
	const most = 1500
	if len(open) < most {
		conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(base, "http", "ws", 1)+"/ws", nil)
		if err != nil {
			return
		}
		open = append(open, conn)
		go func() {
			for {
				_, r, err := conn.NextReader()
				if err != nil {
					return
				}
				io.Copy(io.Discard, r)
			}
		}()
	}
	open[i%len(open)].WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "%0*d", 2000, i))
}

func main() {
	h := &hub{upgrader: websocket.Upgrader{ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10}, clients: map[*client]bool{}}
	service.Main(service.Case{
		Healthy: true, Rate: 200,
		Setup:  func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /ws", h.serve) },
		Client: talk,
	})
}
