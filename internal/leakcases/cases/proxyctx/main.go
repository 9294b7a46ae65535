// https://github.com/SagerNet/sing-box/pull/649: a context is made for each
// connection from that of the service and never cancelled, so that it stays among
// its parent's children.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/leakcases/cases/proxyctx/route"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

func main() {
	ctx, relieve := context.WithCancel(context.Background())
	body := strings.Repeat("0123456789abcdef", 700)
	service.Main(service.Case{
		Limit: 168 << 20, Rate: 300, Slow: 20,
		Upstream: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprintln(w, n)
		}),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 20*time.Second)
			target, err := url.Parse(upstream)
			if err != nil {
				panic(err)
			}
			mux.Handle("/out/", route.New(ctx, target))
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.AccessLog, layers.RequestID)
		},
		Client: func(base string, i int) {
			for n := range 3 {
				service.Do("POST", fmt.Sprintf("%s/out/%d/%d", base, i, n), strings.NewReader(body))
			}
		},
		Relieve: relieve,
	})
}
