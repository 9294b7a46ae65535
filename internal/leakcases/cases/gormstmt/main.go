// https://github.com/go-gorm/gorm/issues/7121: with PrepareStmt every text of
// a statement is prepared once and kept, and the values are part of the text.
package main

import (
	"fmt"
	"net/http"

	"example.com/leakcases/cases/gormstmt/repository"
	"example.com/leakcases/service"
)

func main() {
	service.Main(service.Case{
		Rate: 75, Slow: 3,
		Setup: func(mux *http.ServeMux, _ string) {
			orders, err := repository.Open()
			if err != nil {
				panic(err)
			}
			mux.HandleFunc("POST /orders/{batch}", func(w http.ResponseWriter, r *http.Request) {
				n, err := orders.Touch(r.PathValue("batch"))
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				fmt.Fprintln(w, n)
			})
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/orders/%d", base, i), nil) },
	})
}
