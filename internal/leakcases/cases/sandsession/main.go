// https://github.com/zombiezen/sandpass/issues/14: expired sessions cannot be used,
// but they stay in memory: nothing clears them.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/http"
	"time"

	"example.com/leakcases/cases/sandsession/session"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

// vault is a database of passwords that a session has opened.
type vault struct {
	user    string
	entries []byte
}

var sealed = bytes.Repeat([]byte("site user password\n"), 900)

func unseal(user string, key [32]byte) *vault {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	open := make([]byte, len(sealed))
	cipher.NewCTR(block, make([]byte, block.BlockSize())).XORKeyStream(open, sealed)
	return &vault{user, open}
}

type app struct{ sessions *session.Store[*vault] }

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	user := r.FormValue("user")
	token := a.sessions.Create(func(key [32]byte) *vault { return unseal(user, key) })
	http.SetCookie(w, &http.Cookie{Name: "token", Value: token, MaxAge: 2})
	fmt.Fprintln(w, "welcome", user)
}

func (a *app) list(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("token")
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	v, err := a.sessions.Get(c.Value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	fmt.Fprintln(w, v.user, bytes.Count(v.entries, []byte("\n")))
}

func main() {
	a := &app{session.NewStore[*vault](2 * time.Second)}
	service.Main(service.Case{
		Limit: 176 << 20, Rate: 250, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 10*time.Second)
			mux.HandleFunc("POST /login", a.login)
			mux.HandleFunc("GET /entries", a.list)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.AccessLog, layers.RequestID, layers.Recover)
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/login?user=u%d", base, i), nil)
		},
		Relieve: a.sessions.CloseAll,
	})
}
