// https://github.com/brandur/sorg/issues/311: a loop that retries an HTTP call
// looks at the status alone; the body is neither read nor closed.
package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"example.com/leakcases/cases/retrybody/webhook"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"github.com/go-chi/chi/v5"
)

type api struct {
	sender   *webhook.Sender
	endpoint string
	sent     atomic.Int64
}

func (a *api) publish(w http.ResponseWriter, r *http.Request) {
	e := webhook.Event{ID: chi.URLParam(r, "id"), Kind: "order.paid", Data: map[string]string{"agent": r.UserAgent()}}
	tried, err := a.sender.Deliver(r.Context(), a.endpoint, e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a.sent.Add(1)
	fmt.Fprintln(w, len(tried))
}

func (a *api) routes() http.Handler {
	r := chi.NewRouter()
	r.Post("/events/{id}", a.publish)
	return r
}

func endpoint() http.Handler {
	var calls atomic.Int64
	page := strings.Repeat("<p>We are down for maintenance.</p>\n", 900)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1)%4 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, page)
	})
}

func main() {
	service.Main(service.Case{
		Limit: 152 << 20, Rate: 60, Slow: 3,
		Upstream: endpoint(),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 16*time.Second)
			mux.Handle("/events/", (&api{sender: webhook.NewSender(5), endpoint: upstream}).routes())
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.AccessLog, layers.Recover, layers.Deadline(20*time.Second))
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/events/evt_%d", base, i), nil) },
	})
}
