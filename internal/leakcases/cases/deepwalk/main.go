// https://github.com/golang/go/issues/20010: memory that is all stacks. A
// generator walks a deep tree, and its consumer leaves after the first hits.
package main

import (
	"fmt"
	"net/http"
	"strconv"

	"example.com/leakcases/cases/deepwalk/tree"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	root := tree.Threads(700)
	service.Main(service.Case{
		Rate: 90, Slow: 5,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /thread", func(w http.ResponseWriter, r *http.Request) {
				most, _ := strconv.Atoi(r.URL.Query().Get("limit"))
				for _, c := range tree.Newest(root, most) {
					fmt.Fprintln(w, c.Author, c.Text)
				}
			})
		},
		Wrap:   func(next http.Handler) http.Handler { return middleware.Recoverer(middleware.NoCache(next)) },
		Client: func(base string, i int) { service.Get(base + "/thread?limit=10") },
	})
}
