// https://github.com/cockroachdb/cockroach/issues/149658: the cancel function
// of a statement is kept but called only when the statement fails, so the
// long-lived parent keeps every child.
package main

import (
	"context"
	"fmt"
	"net/http"

	"example.com/leakcases/cases/ctxcancel/sql"
	"example.com/leakcases/service"
)

func main() {
	stop, quiesce := context.WithCancel(context.Background())
	ex := sql.NewExecutor(stop)
	service.Main(service.Case{
		Rate: 220, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("GET /query", func(w http.ResponseWriter, r *http.Request) {
				rows, err := ex.Exec(r.URL.Query().Get("stmt"))
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				fmt.Fprintln(w, len(rows))
			})
		},
		Client:  func(base string, i int) { service.Get(fmt.Sprintf("%s/query?stmt=select+%d", base, i)) },
		Relieve: quiesce,
	})
}
