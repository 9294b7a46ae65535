// https://github.com/gorilla/websocket/issues/141: connections are closed but
// the application still has them in its buckets.
package main

import (
	"fmt"
	"net/http"
	"strings"

	"example.com/leakcases/cases/hubleave/hub"
	"example.com/leakcases/service"
	"github.com/gorilla/websocket"
)

func main() {
	service.Main(service.Case{
		Rate: 280, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			h := hub.New()
			go h.Run()
			mux.HandleFunc("GET /ws", h.Serve)
		},
		Client: func(base string, i int) {
			conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(base, "http", "ws", 1)+"/ws?room="+fmt.Sprint(i%20), nil)
			if err != nil {
				return
			}
			conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "hello from %d", i))
			conn.Close() // without a close frame, as browsers do when the network changes
		},
	})
}
