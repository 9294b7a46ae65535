//go:build cgo

// https://github.com/llm-d/llm-d-kv-cache/issues/248: C.CString without C.free.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"example.com/leakcases/cases/cgoname/native"
	"example.com/leakcases/service"
)

func main() {
	body := bytes.Repeat([]byte("the quick brown fox "), 44<<10/20)
	service.Main(service.Case{
		Rate: 180, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.HandleFunc("POST /tokenize", func(w http.ResponseWriter, r *http.Request) {
				prompt, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				fmt.Fprintln(w, native.CountTokens(string(prompt)))
			})
		},
		Client: func(base string, i int) { service.Do("POST", base+"/tokenize", bytes.NewReader(body)) },
	})
}
