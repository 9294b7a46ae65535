// https://github.com/aerospike/aerospike-backup-service/pull/672: a rate
// limiter for each peer that was ever seen.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/devicelimit/limit"
	"example.com/leakcases/service"
)

func main() {
	l := limit.New(5, 10)
	service.Main(service.Case{
		Rate: 80, Slow: 5,
		Setup: func(mux *http.ServeMux, _ string) {
			// A gateway sends what its devices have measured.
			mux.HandleFunc("POST /readings/{gateway}", func(w http.ResponseWriter, r *http.Request) {
				dropped := 0
				for n := range 30 {
					if !l.Allow(fmt.Sprintf("%s:%d", r.PathValue("gateway"), n), "temperature", time.Now()) {
						dropped++
					}
				}
				fmt.Fprintln(w, dropped)
			})
		},
		Client:  func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/readings/gw%d", base, i), nil) },
		Relieve: l.Reset,
	})
}
