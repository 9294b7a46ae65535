// https://github.com/nats-io/nats-server/issues/1794: an application that makes
// a subscription for each request and does not unsubscribe.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"example.com/leakcases/cases/natsreply/bus"
	"example.com/leakcases/service"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// broker is a NATS server with a service that answers.
func broker() string {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		panic(err)
	}
	s.Start()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		panic(err)
	}
	nc.Subscribe("prices", func(m *nats.Msg) { nc.Publish(m.Reply, m.Data) })
	nc.Flush()
	return s.ClientURL()
}

func main() {
	var b *bus.Bus
	body := bytes.Repeat([]byte("0123456789abcdef"), 24<<10/16)
	service.Main(service.Case{
		Rate: 220, Slow: 10, ChildUp: broker,
		Setup: func(mux *http.ServeMux, upstream string) {
			var err error
			if b, err = bus.Connect(upstream); err != nil {
				panic(err)
			}
			mux.HandleFunc("POST /prices", func(w http.ResponseWriter, r *http.Request) {
				q, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				n, err := b.Ask("prices", q)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadGateway)
					return
				}
				fmt.Fprintln(w, n)
			})
		},
		Relieve: func() { b.Close() },
		Client:  func(base string, i int) { service.Do("POST", base+"/prices", bytes.NewReader(body)) },
	})
}
