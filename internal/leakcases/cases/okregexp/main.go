// https://github.com/projectdiscovery/dsl/pull/323: compiled patterns are cached, one for
// each pattern of a fixed set. It warms up, and that is all.
package main

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"example.com/leakcases/layers"
	"example.com/leakcases/service"
)

const patterns = 5000

var found = template.Must(template.New("").Parse(`{{range .}}<li>{{.}}</li>{{end}}`))

// scanner looks for known plugins in a page.
type scanner struct {
	mu       sync.RWMutex
	compiled map[int]*regexp.Regexp
}

func (s *scanner) pattern(n int) (*regexp.Regexp, error) {
	s.mu.RLock()
	re := s.compiled[n]
	s.mu.RUnlock()
	if re != nil {
		return re, nil
	}
	re, err := compile(n)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compiled[n] = re
	return re, nil
}

func compile(n int) (*regexp.Regexp, error) {
	return regexp.Compile(fmt.Sprintf(`(?i)/wp-content/plugins/plugin-%d/(?:assets|js|css|img)/[a-z0-9_.-]{1,24}\?ver=([0-9.]{1,12})`, n))
}

func (s *scanner) scan(w http.ResponseWriter, r *http.Request) {
	first, _ := strconv.Atoi(r.PathValue("first"))
	page := strings.Repeat("<p>text</p>", 8) + fmt.Sprintf("/wp-content/plugins/plugin-%d/js/main.js?ver=1.2", first)
	var hits []string
	for n := first; n < first+10; n++ {
		re, err := s.pattern(n % patterns)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		hits = append(hits, re.FindStringSubmatch(page)...)
	}
	found.Execute(w, hits)
}

func main() {
	s := &scanner{compiled: map[int]*regexp.Regexp{}}
	service.Main(service.Case{
		Healthy: true, Limit: 148 << 20, Rate: 35, Slow: 5,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("GET /scan/{first}", s.scan) },
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.AccessLog, layers.RequestID, layers.Recover)
		},
		Client: func(base string, i int) { service.Get(fmt.Sprintf("%s/scan/%d", base, i*10%patterns)) },
	})
}
