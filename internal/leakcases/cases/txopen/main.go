// https://github.com/sourcegraph/sourcegraph-public-snapshot/pull/24864: on an
// error, the transaction that writes symbols is never rolled back.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/txopen/symbols"
	"example.com/leakcases/fakepg"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

func parse(path string) ([]symbols.Symbol, error) {
	if strings.HasSuffix(path, ".min.js") {
		return nil, symbols.ErrParse
	}
	return []symbols.Symbol{{Name: "main", Kind: "func", Line: 1}, {Name: "T", Kind: "type", Line: 9}}, nil
}

type indexer struct{ writer *symbols.Writer }

func (x *indexer) index(w http.ResponseWriter, r *http.Request) {
	repo := r.PathValue("repo")
	n, err := x.writer.Index(repo+"/main.go", repo+"/jquery.min.js", repo+"/bootstrap.min.js", repo+"/app.min.js", repo+"/lib.go")
	if err != nil && !errors.Is(err, symbols.ErrParse) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, n, "symbols")
}

func main() {
	service.Main(service.Case{
		Limit: 144 << 20, Rate: 80, Slow: 3,
		ChildUp: func() string {
			state := strings.Repeat("0123456789abcdef", 700)
			return fakepg.Listen(func(string) []string { return []string{state} })
		},
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 20*time.Second)
			w, err := symbols.NewWriter(upstream, parse)
			if err != nil {
				panic(err)
			}
			mux.HandleFunc("POST /index/{repo}", (&indexer{w}).index)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/index/repo%d", base, i), nil) },
	})
}
