// https://github.com/gin-contrib/sessions/issues/17: how are unused sessions removed?
// Here by their time to live: after a while as many expire as begin.
package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"github.com/patrickmn/go-cache"
)

type profile struct {
	User    string
	Rights  []string
	Avatar  []byte
	Visited time.Time
}

type sessions struct{ live *cache.Cache }

func (s *sessions) begin(user string) string {
	p := profile{User: user, Rights: []string{"read", "write"}, Avatar: make([]byte, 12<<10), Visited: time.Now()}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(p); err != nil {
		panic(err)
	}
	id := fmt.Sprintf("%s-%d", user, time.Now().UnixNano())
	s.live.SetDefault(id, b.Bytes())
	return id
}

func (s *sessions) login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: s.begin(r.PathValue("user"))})
	fmt.Fprintln(w, s.live.ItemCount())
}

func main() {
	debug.SetGCPercent(40)
	service.Main(service.Case{
		Healthy: true, Limit: 152 << 20, Rate: 150, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 12*time.Second)
			s := &sessions{cache.New(8*time.Second, 500*time.Millisecond)}
			mux.HandleFunc("POST /login/{user}", s.login)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			for n := range 3 {
				service.Do("POST", fmt.Sprintf("%s/login/u%d-%d", base, i, n), nil)
			}
		},
	})
}
