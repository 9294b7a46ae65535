// https://github.com/newrelic/nri-flex/pull/667: runQuery never closes its rows,
// and each set of rows keeps a connection.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/rowsopen/inputs"
	"example.com/leakcases/fakepg"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	"github.com/gorilla/mux"
)

type flex struct {
	db      *inputs.Database
	queries []inputs.Query
}

func (f *flex) sample(w http.ResponseWriter, r *http.Request) {
	all, err := f.db.Process(f.queries)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"entity": mux.Vars(r)["entity"], "samples": all})
}

func main() {
	service.Main(service.Case{
		Limit: 160 << 20, Rate: 50, Slow: 3,
		ChildUp: func() string {
			plan := strings.Repeat("Index Scan using orders_pkey on orders (cost=0.29..8.30 rows=1 width=36)\n", 160)
			return fakepg.Listen(func(string) []string { return []string{plan, plan, plan} })
		},
		Setup: func(m *http.ServeMux, upstream string) {
			stock.Open(m, 12, 18*time.Second)
			db, err := inputs.Open(upstream)
			if err != nil {
				panic(err)
			}
			f := &flex{db, []inputs.Query{
				{Name: "plans", Text: "SELECT plan FROM plans"}, {Name: "locks", Text: "SELECT mode FROM locks"}, {Name: "sizes", Text: "SELECT size FROM sizes"},
			}}
			router := mux.NewRouter()
			router.HandleFunc("/sample/{entity}", f.sample).Methods("GET")
			m.Handle("/sample/", router)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.Recover, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/sample/host%d", base, i%20)) },
	})
}
