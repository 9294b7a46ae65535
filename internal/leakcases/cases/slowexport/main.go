// https://github.com/cyclone-github/atomic_pwn/issues/2: a channel with room
// for a million, and a consumer that is slower than the producers.
package main

import (
	"context"
	"fmt"
	"net/http"

	"example.com/leakcases/cases/slowexport/export"
	"example.com/leakcases/service"
)

func main() {
	var x *export.Exporter
	service.Main(service.Case{
		Rate: 90, Slow: 5,
		Setup: func(mux *http.ServeMux, _ string) {
			x = export.New()
			go x.Run(context.Background())
			mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
				for n := range 20 {
					x.Enqueue("order.line", fmt.Sprintf("%s/%d", r.URL.Query().Get("id"), n))
				}
				w.WriteHeader(http.StatusAccepted)
			})
		},
		Relieve: func() { x.Drop() },
		Client:  func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/orders?id=%d", base, i), nil) },
	})
}
