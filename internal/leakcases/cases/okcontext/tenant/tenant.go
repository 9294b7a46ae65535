// Package tenant knows for whom a request is.
package tenant

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

type (
	depthKey    int
	settingsKey struct{}
)

// settings are a tenant's.
type settings struct {
	name   string
	limits [1024]int
}

// With adds what one layer knows.
func With(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), settingsKey{}, load(r.URL.Path))
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func load(name string) *settings {
	s := &settings{name: name}
	for i := range s.limits {
		s.limits[i] = i
	}
	return s
}

// Plan makes a plan in many small steps, each with a context of its own.
func Plan(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	for step := range 30 {
		ctx = context.WithValue(ctx, depthKey(step), fmt.Sprint("step ", step))
	}
	select {
	case <-ctx.Done():
	case <-time.After(1500 * time.Millisecond): // the planner
	}
	s, _ := ctx.Value(settingsKey{}).(*settings)
	if s != nil {
		fmt.Fprintln(w, s.name, ctx.Value(depthKey(7)))
	}
}
