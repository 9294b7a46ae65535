// https://github.com/milvus-io/milvus/issues/15098: a finalizer on an object
// that is part of a cycle, which the garbage collector then never frees.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"example.com/leakcases/cases/codeccycle/storage"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	body := bytes.Repeat([]byte("0123456789abcdef"), 36<<10/16)
	service.Main(service.Case{
		Rate: 200, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /segments", func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				fmt.Fprintln(w, len(storage.Encode(b)))
			})
		},
		Wrap:   middleware.Recoverer,
		Client: func(base string, i int) { service.Do("POST", base+"/segments", bytes.NewReader(body)) },
	})
}
