// https://github.com/hrygo/hotplex/issues/86: two metrics of a gateway have the
// session's identifier as a label, so that each session makes time series.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/leakcases/cases/sessionlabel/metrics"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

var gateway = metrics.New()

// hub merges the deltas of each session until they are flushed.
type hub struct {
	mu      sync.Mutex
	pending map[string][]string
}

func (h *hub) delta(w http.ResponseWriter, r *http.Request) {
	session := r.PathValue("session")
	var texts []string
	if err := json.NewDecoder(r.Body).Decode(&texts); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.pending[session] = append(h.pending[session], texts...)
	h.mu.Unlock()
	fmt.Fprintln(w, h.flush(session, "size"))
	h.flush(session, "close")
}

func (h *hub) flush(session, reason string) string {
	begin := time.Now()
	h.mu.Lock()
	texts := h.pending[session]
	delete(h.pending, session)
	h.mu.Unlock()
	all := strings.Join(texts, "")
	gateway.Flushed(session, reason, len(texts), time.Since(begin).Seconds())
	return strconv.Itoa(len(all))
}

func counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		route, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		gateway.Request(route, "200")
	})
}

func main() {
	service.Main(service.Case{
		Limit: 136 << 20, Rate: 300, Slow: 20,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 20*time.Second)
			h := &hub{pending: map[string][]string{}}
			mux.HandleFunc("POST /delta/{session}", h.delta)
			mux.Handle("GET /metrics", gateway.Handler())
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, counted, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			for n := range 6 {
				service.Do("POST", fmt.Sprintf("%s/delta/sess_%08x-5b0a-4a1e-9c55-%d", base, i, n), strings.NewReader(`["Hel","lo"]`))
			}
		},
		Relieve: gateway.Reset,
	})
}
