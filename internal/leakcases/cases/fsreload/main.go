// https://github.com/yaitoo/xun/issues/132: an fsnotify watcher and its
// goroutines for every template set that is opened, and no end to them.
package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"example.com/leakcases/cases/fsreload/templates"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	service.Main(service.Case{
		Rate: 4, Slow: 1, Limit: 128 << 20,
		Setup: func(mux *http.ServeMux, _ string) {
			dir, err := os.MkdirTemp("", "fsreload")
			if err != nil {
				panic(err)
			}
			for i := range 40 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("page%02d.html", i)), templates.Sample(i), 0o644); err != nil {
					panic(err)
				}
			}
			mux.HandleFunc("GET /shop/{page}", func(w http.ResponseWriter, r *http.Request) {
				set, err := templates.Open(dir)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				if err := set.Render(w, r.PathValue("page"), map[string]int{"Stock": 7, "Price": 42}); err != nil {
					http.Error(w, err.Error(), http.StatusNotFound)
				}
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RequestID(middleware.Recoverer(middleware.Compress(5)(next)))
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/shop/page%02d.html", base, i%40)) },
	})
}
