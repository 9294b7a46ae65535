// https://github.com/open-policy-agent/opa/issues/2978: a cache of responses that was
// taken for a leak and plateaued at its configured size. Here: an LRU that warms up
// to 70% of the limit, is full, and turns.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	lru "github.com/hashicorp/golang-lru/v2"
)

type decision struct {
	Allowed bool
	Body    []byte `json:"-"`
}

type policy struct{ cache *lru.Cache[string, *decision] }

func (p *policy) decide(user string) *decision {
	if d, ok := p.cache.Get(user); ok {
		return d
	}
	d := evaluate(user)
	p.cache.Add(user, d)
	return d
}

func evaluate(user string) *decision {
	body := make([]byte, 8<<10)
	copy(body, user)
	return &decision{len(user)%2 == 0, body}
}

func (p *policy) serve(w http.ResponseWriter, r *http.Request) {
	json.NewEncoder(w).Encode(p.decide(r.PathValue("user")))
}

func main() {
	debug.SetGCPercent(10) // as with GOMEMLIMIT: most of the memory is to be used
	cache, err := lru.New[string, *decision](18000)
	if err != nil {
		panic(err)
	}
	p := &policy{cache}
	service.Main(service.Case{
		Healthy: true, Limit: 216 << 20, Rate: 100, Slow: 20,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /allowed/{user}", p.serve) },
		Start: func(ctx context.Context, _ int) {
			service.Every(ctx, 100, func(i int) {
				for n := range 14 {
					p.decide(fmt.Sprint("job-", i, "-", n))
				}
			})
		},
		Wrap:   func(next http.Handler) http.Handler { return layers.Chain(next, layers.Recover, layers.AccessLog) },
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/allowed/user%d", base, i%4000)) },
	})
}
