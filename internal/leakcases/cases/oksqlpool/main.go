// https://github.com/flatcar/nebraska/issues/182: many connections to the database that
// look like a leak and are the pool. Here: a pool of at most 500, all kept idle.
package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/leakcases/fakepg"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
	_ "github.com/jackc/pgx/v5/stdlib"
)

const most = 500

type instances struct{ db *sql.DB }

func (s *instances) version(id int) (v string, err error) {
	err = s.db.QueryRow(fmt.Sprintf("SELECT version FROM instance WHERE id = %d", id)).Scan(&v)
	return v, err
}

// rollout asks for the versions of many instances at once.
func (s *instances) rollout(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	var all sync.WaitGroup
	for id := range min(n, most) {
		all.Go(func() { s.version(id) })
	}
	all.Wait()
	fmt.Fprintln(w, s.db.Stats().OpenConnections)
}

func main() {
	service.Main(service.Case{
		Healthy: true, Limit: 116 << 20, Rate: 2, Slow: 1,
		ChildUp: func() string {
			row := []string{strings.Repeat("4152.2.0 ", 900)}
			return fakepg.Listen(func(string) []string {
				time.Sleep(200 * time.Millisecond)
				return row
			})
		},
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 8, 10*time.Second)
			db, err := sql.Open("pgx", upstream)
			if err != nil {
				panic(err)
			}
			db.SetMaxOpenConns(most)
			db.SetMaxIdleConns(most)
			mux.HandleFunc("GET /rollout/{n}", (&instances{db}).rollout)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/rollout/%d", base, 20+30*i)) },
	})
}
