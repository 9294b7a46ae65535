// https://github.com/Tochemey/goakt/issues/1214: the topic actor remembers each
// message that it has processed, for deduplication, and never forgets one.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/topicdedup/pubsub"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type node struct{ actor *pubsub.Actor }

func (n *node) publish(w http.ResponseWriter, r *http.Request) {
	var batch []pubsub.Message
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.actor.Receive(batch)
	fmt.Fprintln(w, len(batch))
}

func hashing(m pubsub.Message) {
	h := fnv.New64a()
	h.Write(m.Payload)
}

func batch(i int) string {
	var b strings.Builder
	for n := range 110 {
		fmt.Fprintf(&b, `,{"ID":"%016x-%04d-4f2a-9b1d-2f8e6c1a7b30","Sender":"producer-%d","Topic":"orders.eu","Payload":"aGVsbG8gd29ybGQ="}`, i, n, i%7)
	}
	return "[" + b.String()[1:] + "]"
}

func main() {
	n := &node{pubsub.NewActor(hashing, hashing)}
	service.Main(service.Case{
		Limit: 144 << 20, Rate: 220, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 20*time.Second)
			mux.HandleFunc("POST /publish", n.publish)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.Deadline(5*time.Second), layers.RequestID)
		},
		Client:  func(base string, i int) { service.Do("POST", base+"/publish", strings.NewReader(batch(i))) },
		Relieve: n.actor.Reset,
	})
}
