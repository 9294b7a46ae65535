// https://github.com/getlantern/go-geoserve/issues/4: the cache of what was looked
// up has no bound.
package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/geocache/geo"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

type database struct{ languages []string }

func (d *database) Lookup(ip string) (*geo.Record, error) {
	r := &geo.Record{City: map[string]string{}}
	r.Country.ISO, r.Country.Names = "DE", map[string]string{}
	for _, l := range d.languages {
		r.City[l] = "Frankfurt am Main in " + l
		r.Country.Names[l] = strings.Repeat("Deutschland ", 12)
	}
	r.Location.Zone = "Europe/Berlin"
	return r, nil
}

func languages() (all []string) {
	for i := range 40 {
		all = append(all, fmt.Sprintf("l%02d", i))
	}
	return all
}

func main() {
	s := geo.NewServer(&database{languages()})
	service.Main(service.Case{
		Limit: 176 << 20, Rate: 200, Slow: 10,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 16, 20*time.Second)
			mux.Handle("GET /lookup/{ip}", s)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.Recover, layers.AccessLog)
		},
		Client: func(base string, i int) {
			for n := range 3 {
				service.Get(fmt.Sprintf("%s/lookup/10.%d.%d.%d", base, i>>8&255, i&255, n))
			}
		},
		Relieve: s.Clear,
	})
}
