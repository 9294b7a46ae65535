// https://github.com/go-co-op/gocron/issues/777: jobs are added with every
// request and never removed; the scheduler keeps each with its closure.
package main

import (
	"bytes"
	"fmt"
	"net/http"

	"example.com/leakcases/cases/cronjobs/reports"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	rep, err := reports.New()
	if err != nil {
		panic(err)
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), 32<<10/16)
	service.Main(service.Case{
		Rate: 200, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("PUT /dashboards/{name}", func(w http.ResponseWriter, r *http.Request) {
				if err := rep.Schedule(r.PathValue("name"), r.Body); err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RequestID(middleware.Recoverer(next))
		},
		Client: func(base string, i int) {
			service.Do("PUT", fmt.Sprintf("%s/dashboards/d%d", base, i%40), bytes.NewReader(body))
		},
		Relieve: rep.Clear,
	})
}
