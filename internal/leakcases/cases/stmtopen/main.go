// https://github.com/google/fleetspeak/pull/286: a statement is prepared for each
// call, outside of a transaction, and never closed.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/stmtopen/messagestore"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type server struct{ store *messagestore.Store }

func (s *server) poll(w http.ResponseWriter, r *http.Request) {
	client := r.PathValue("client")
	if err := s.store.Save(r.Context(), messagestore.Message{ID: client + "-0", Receiver: client, Body: []byte("hello")}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for page := range 4 {
		ids := make([]string, 120)
		for i := range ids {
			ids[i] = fmt.Sprintf("%s-%d-7f1c0f5e9ad14a6b8a5a2c1f", client, page*len(ids)+i)
		}
		all, err := s.store.ForProcessing(r.Context(), ids)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(all)
	}
}

func main() {
	service.Main(service.Case{
		Limit: 184 << 20, Rate: 120, Slow: 6,
		Setup: func(mux *http.ServeMux, _ string) {
			store, err := messagestore.Open()
			if err != nil {
				panic(err)
			}
			stock.Open(mux, 12, 20*time.Second)
			mux.HandleFunc("GET /poll/{client}", (&server{store}).poll)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.AccessLog, layers.Recover, layers.Deadline(10*time.Second))
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/poll/client%d", base, i%500)) },
	})
}
