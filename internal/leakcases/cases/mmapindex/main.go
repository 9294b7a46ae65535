//go:build linux

// https://github.com/prometheus/prometheus/pull/17311: a mapped file that is
// opened again and again and not unmapped.
package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"example.com/leakcases/cases/mmapindex/index"
	"example.com/leakcases/service"
)

func main() {
	service.Main(service.Case{
		Rate: 45, Slow: 4,
		Setup: func(mux *http.ServeMux, _ string) {
			dir, err := os.MkdirTemp("", "mmapindex")
			if err != nil {
				panic(err)
			}
			file := filepath.Join(dir, "index")
			if err := index.Write(file, 10_000); err != nil {
				panic(err)
			}
			mux.HandleFunc("GET /series/{id}", func(w http.ResponseWriter, r *http.Request) {
				n, err := index.Lookup(file, r.PathValue("id"))
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				fmt.Fprintln(w, n)
			})
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/series/series-%05d", base, i%10_000)) },
	})
}
