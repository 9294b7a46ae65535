// https://github.com/0xERR0R/blocky/pull/1227: what it costs to hold a list in an index
// that is built anew with each refresh. Here: an inverted index of documents is built
// every four seconds and replaces the last one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
)

var words = strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega")

type document struct {
	id   int
	text string
}

func documents(generation int) (all []document) {
	for id := range 48_000 {
		var b strings.Builder
		for n := range 12 {
			b.WriteString(words[(id*7+n*n+generation)%len(words)])
			fmt.Fprintf(&b, "%d ", (id*31+n*17)%900)
		}
		all = append(all, document{id, b.String()})
	}
	return all
}

// index is an inverted index.
type index struct {
	generation int
	postings   map[string][]int32
	docs       []document
}

func build(generation int) *index {
	x := &index{generation, map[string][]int32{}, documents(generation)}
	for _, d := range x.docs {
		for term := range strings.FieldsSeq(d.text) {
			x.postings[term] = append(x.postings[term], int32(d.id))
		}
	}
	for term, p := range x.postings {
		x.postings[term] = slices.Clip(p)
	}
	return x
}

type engine struct{ live atomic.Pointer[index] }

func (e *engine) rebuild(ctx context.Context) {
	t := time.NewTicker(4 * time.Second)
	defer t.Stop()
	for generation := 0; ; generation++ {
		e.live.Store(build(generation))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (e *engine) find(w http.ResponseWriter, r *http.Request) {
	x := e.live.Load()
	if x == nil {
		http.Error(w, "building", http.StatusServiceUnavailable)
		return
	}
	hits := x.postings[r.PathValue("term")]
	json.NewEncoder(w).Encode(map[string]any{"generation": x.generation, "hits": hits[:min(len(hits), 20)]})
}

func main() {
	debug.SetGCPercent(50)
	e := &engine{}
	service.Main(service.Case{
		Healthy: true, Limit: 116 << 20, Rate: 100, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /find/{term}", e.find) },
		Start: func(ctx context.Context, _ int) { e.rebuild(ctx) },
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/find/%s%d", base, words[i%len(words)], i%900)) },
	})
}
