// https://github.com/golang/go/issues/47292: long chains of contexts, which end
// with their requests.
package main

import (
	"fmt"
	"net/http"

	"example.com/leakcases/cases/okcontext/tenant"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	service.Main(service.Case{
		Healthy: true, Rate: 200,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /plan/{tenant}", tenant.Plan) },
		Wrap: func(next http.Handler) http.Handler {
			for range 8 {
				next = tenant.With(next)
			}
			return middleware.RequestID(middleware.RealIP(middleware.Recoverer(middleware.Throttle(300)(next))))
		},
		Client: func(base string, i int) { go service.Get(fmt.Sprintf("%s/plan/t%d", base, i%500)) },
	})
}
