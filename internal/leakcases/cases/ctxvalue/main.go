// https://github.com/juicedata/juicefs/pull/5665: a session stacks
// context.WithValue on its own context, and the session lives for ever.
package main

import (
	"bytes"
	"net/http"

	"example.com/leakcases/cases/ctxvalue/gateway"
	"example.com/leakcases/service"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	body := bytes.Repeat([]byte("0123456789abcdef"), 32<<10/16)
	gw := gateway.New()
	service.Main(service.Case{
		Rate: 240, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("PUT /bucket/{key}", gw.Put) },
		Wrap: func(next http.Handler) http.Handler {
			return middleware.RequestID(middleware.RealIP(middleware.Recoverer(next)))
		},
		Relieve: gw.Remount,
		Client:  func(base string, i int) { service.Do("PUT", base+"/bucket/object", bytes.NewReader(body)) },
	})
}
