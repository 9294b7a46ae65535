// https://github.com/open-telemetry/opentelemetry-go-compile-instrumentation/issues/1002:
// a map remembers which loggers have the hook, and a logger is made for each request.
package main

import (
	"fmt"
	"net/http"
	"strings"

	"example.com/leakcases/cases/logregistry/logs"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/sirupsen/logrus"
)

type api struct{ logs *logs.Factory }

var terms = strings.Repeat("net 30 days; ", 48)

func (a *api) quote(w http.ResponseWriter, r *http.Request) {
	log := a.logs.ForRequest(r.Header.Get("X-Trace"))
	log.WithField("path", r.URL.Path).Debug("begun")
	price := 0
	for i := range 40 {
		price += i * len(r.URL.Path)
		log.WithFields(logrus.Fields{"step": i, "price": price, "terms": terms}).Debug("rated")
	}
	fmt.Fprintln(w, price)
}

func main() {
	a := &api{logs.NewFactory()}
	service.Main(service.Case{
		Rate: 230, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /quote", a.quote) },
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RequestID(middleware.Recoverer(middleware.NoCache(next)))
		},
		Relieve: a.logs.Forget,
		Client: func(base string, i int) {
			service.Do("GET", base+"/quote", nil, "X-Trace", fmt.Sprint("trace-", i))
		},
	})
}
