//go:build unix

// Package service is the service whose cost is measured with and without a guard. It
// does not know a guard, so that a program without one can serve it.
package service

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Serve serves /work and /usage, and what the mux has already. It prints its address, and
// returns when its standard input is closed.
func Serve(mux *http.ServeMux) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux.HandleFunc("/work", work)
	mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(time.Duration(r.Utime.Nano() + r.Stime.Nano()))
	})
	fmt.Println(listener.Addr())
	go http.Serve(listener, mux)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// Order is the content of a request. It is large enough to decode and encode that a
// handler allocates as much as real ones do.
type Order struct {
	ID    string            `json:"id"`
	Items []Item            `json:"items"`
	Tags  map[string]string `json:"tags"`
}

type Item struct {
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Count int     `json:"count"`
}

// OneOrder is the request that the client sends.
var OneOrder = Order{
	ID:    "20261120-000042",
	Items: []Item{{"bolt", 0.25, 100}, {"nut", 0.2, 100}, {"washer", 0.05, 200}, {"spanner", 12.5, 1}},
	Tags:  map[string]string{"channel": "web", "country": "at", "currency": "EUR"},
}

func work(w http.ResponseWriter, r *http.Request) {
	var o Order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for i := range o.Items {
		o.Items[i].Count++
	}
	json.NewEncoder(w).Encode(o)
}
