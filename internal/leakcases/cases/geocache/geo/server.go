// Package geo looks addresses up.
package geo

import (
	"encoding/json"
	"net/http"
)

// Record is what is known of an address.
type Record struct {
	City    map[string]string
	Country struct {
		ISO   string
		Names map[string]string
	}
	Location struct {
		Latitude, Longitude float64
		Zone                string
	}
}

// DB is the database.
type DB interface {
	Lookup(ip string) (*Record, error)
}

type get struct {
	ip   string
	resp chan []byte
}

// Server answers from a cache of what it has looked up.
type Server struct {
	db    DB
	gets  chan get
	clear chan struct{}
}

// NewServer returns a server that answers from db.
func NewServer(db DB) *Server {
	s := &Server{db, make(chan get, 100), make(chan struct{})}
	go s.run()
	return s
}

func (s *Server) run() {
	cache := map[string][]byte{}
	for {
		select {
		case g := <-s.gets:
			b, ok := cache[g.ip]
			if !ok {
				b = s.lookup(g.ip)
				cache[g.ip] = b
			}
			g.resp <- b
		case <-s.clear:
			cache = map[string][]byte{}
		}
	}
}

func (s *Server) lookup(ip string) []byte {
	r, err := s.db.Lookup(ip)
	if err != nil {
		return []byte("{}")
	}
	b, err := json.Marshal(r)
	if err != nil {
		return []byte("{}")
	}
	return b
}

// Clear empties the cache.
func (s *Server) Clear() { s.clear <- struct{}{} }

// ServeHTTP answers with the record of the address.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := get{r.PathValue("ip"), make(chan []byte, 1)}
	s.gets <- g
	w.Header().Set("Content-Type", "application/json")
	w.Write(<-g.resp)
}
