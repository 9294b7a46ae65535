// https://github.com/IBM/sarama/issues/1358: messages that could not be sent
// wait for another try, and no limit is set to how many.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/leakcases/cases/retryqueue/producer"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

type click struct {
	Session, Page, Referrer string
	Properties              map[string]string
}

func main() {
	service.Main(service.Case{
		Rate: 110, Slow: 4,
		Upstream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "leader not available", http.StatusServiceUnavailable)
		}),
		Setup: func(mux *http.ServeMux, upstream string) {
			p := producer.New[*click](upstream, 12)
			mux.HandleFunc("POST /clicks/{session}", func(w http.ResponseWriter, r *http.Request) {
				for n := range 25 {
					c := &click{Session: r.PathValue("session"), Page: fmt.Sprint("/page/", n), Properties: map[string]string{}}
					for k := range 8 {
						c.Properties[fmt.Sprint("property", k)] = fmt.Sprintf("%-180s", fmt.Sprint("value ", k, " of ", c.Session))
					}
					p.Produce(c.Session+c.Page, c)
				}
				json.NewEncoder(w).Encode(p.Pending())
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RealIP(middleware.Recoverer(middleware.AllowContentEncoding("gzip")(next)))
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/clicks/s%d", base, i), nil) },
	})
}
