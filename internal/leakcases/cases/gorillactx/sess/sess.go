// Package sess keeps the sessions that a request has opened.
package sess

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	gorilla "github.com/gorilla/context"
)

type key int

const registryKey key = 0

// registry has the sessions of a request.
type registry struct {
	request  *http.Request
	sessions map[string]*Session
}

// Session is the state of a user.
type Session struct {
	Name   string
	IsNew  bool
	Values map[string]string
}

// Get returns the named session of the request.
func Get(r *http.Request, name string) (*Session, error) {
	g, ok := gorilla.Get(r, registryKey).(*registry)
	if !ok {
		g = &registry{request: r, sessions: map[string]*Session{}}
		gorilla.Set(r, registryKey, g)
	}
	if s := g.sessions[name]; s != nil {
		return s, nil
	}
	s := &Session{Name: name, IsNew: true, Values: map[string]string{}}
	g.sessions[name] = s
	c, err := r.Cookie(name)
	if errors.Is(err, http.ErrNoCookie) {
		return s, nil
	}
	s.IsNew = false
	return s, s.decode(c.Value)
}

func (s *Session) decode(cookie string) error {
	b, err := base64.URLEncoding.DecodeString(cookie)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, &s.Values)
}

// Encode is the text of a cookie.
func Encode(values map[string]string) string {
	b, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return base64.URLEncoding.EncodeToString(b)
}

// Middleware forgets the sessions at the end of the request.
func Middleware(next http.Handler) http.Handler { return gorilla.ClearHandler(next) }

type userKey struct{}

// WithUser puts the user into the request's context.
func WithUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// User is the user of the request.
func User(r *http.Request) string {
	u, _ := r.Context().Value(userKey{}).(string)
	return u
}
