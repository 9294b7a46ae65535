// https://github.com/gorilla/sessions/issues/122: ClearHandler forgets the request
// that it was given, but a middleware below has made a copy with WithContext, and
// the sessions were put under the copy.
package main

import (
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/gorillactx/sess"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	gorilla "github.com/gorilla/context"
)

type cart struct{ currency string }

func (c *cart) show(w http.ResponseWriter, r *http.Request) {
	s, err := sess.Get(r, "cart")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Values["currency"] = c.currency
	fmt.Fprintln(w, sess.User(r), len(s.Values))
}

func cookie() string {
	values := map[string]string{}
	for i := range 40 {
		values[fmt.Sprintf("item-%02d", i)] = fmt.Sprintf("SKU-%06d;quantity=1;price=19.90;", i)
	}
	return "cart=" + sess.Encode(values)
}

func main() {
	header := cookie()
	service.Main(service.Case{
		Limit: 160 << 20, Rate: 250, Slow: 12,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 20*time.Second)
			mux.HandleFunc("GET /cart", (&cart{"EUR"}).show)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, sess.Middleware, layers.AccessLog, sess.WithUser)
		},
		Client: func(base string, i int) {
			for range 4 {
				service.Do("GET", base+"/cart", nil, "X-User", fmt.Sprint("user", i), "Cookie", header)
			}
		},
		Relieve: func() { gorilla.Purge(-1) },
	})
}
