// https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/1504:
// whoever gave up after a timeout no longer receives, and the worker waits for
// ever to send its result.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/withtimeout/eventmachine"
	"example.com/leakcases/service"
)

func main() {
	m := eventmachine.New(100 * time.Millisecond)
	service.Main(service.Case{
		Rate: 25, Slow: 3,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /traces/{id}", func(w http.ResponseWriter, r *http.Request) {
				for n := range 6 {
					m.Release(fmt.Sprintf("%s-%d", r.PathValue("id"), n))
				}
				w.WriteHeader(http.StatusAccepted)
			})
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/traces/%d", base, i), nil) },
	})
}
