// https://github.com/oom-ai/oomstore/issues/1120: the consumer returns at the
// first error, and the workers wait for ever to send their results.
package main

import (
	"fmt"
	"net/http"

	"example.com/leakcases/cases/fanout/join"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	service.Main(service.Case{
		Rate: 45, Slow: 3,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /features/{entity}", func(w http.ResponseWriter, r *http.Request) {
				rows, err := join.Features(r.PathValue("entity"), join.Groups)
				if err != nil {
					http.Error(w, err.Error(), http.StatusUnprocessableEntity)
					return
				}
				fmt.Fprintln(w, len(rows))
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RequestID(middleware.Recoverer(middleware.Throttle(200)(next)))
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/features/user%d", base, i)) },
	})
}
