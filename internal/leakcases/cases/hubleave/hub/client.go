package hub

import "github.com/gorilla/websocket"

type client struct {
	hub  *Hub
	conn *websocket.Conn
	room string
	send chan []byte
}

// read passes on what the client says, until it goes.
func (c *client) read() {
	defer c.conn.Close()
	for {
		_, text, err := c.conn.ReadMessage()
		if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
			c.hub.leave <- c
			return
		}
		if err != nil {
			return
		}
		c.hub.broadcast <- message{c.room, text}
	}
}

// write sends the client what the others say.
func (c *client) write() {
	for text := range c.send {
		if c.conn.WriteMessage(websocket.TextMessage, text) != nil {
			c.conn.Close()
		}
	}
}
