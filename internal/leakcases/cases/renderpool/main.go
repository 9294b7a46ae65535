// https://github.com/unrolled/render/issues/85: the pool of buffers keeps, in the
// end, 64 times the largest page that was ever rendered.
package main

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/leakcases/cases/renderpool/render"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

const text = `{{define "page"}}<h1>{{.Title}}</h1>{{owner .Title}}{{range .Lines}}<p>{{.}}</p>{{end}}{{end}}
{{define "blob"}}<h1>{{.Title}}</h1><img src="{{.Image}}">{{owner .Title}}{{end}}`

// owner looks a user up, which takes a moment.
func owner(title string) string {
	time.Sleep(40 * time.Millisecond)
	return "owner of " + title
}

type pages struct {
	render *render.Render
	image  template.URL
}

func (p *pages) file(w http.ResponseWriter, r *http.Request) {
	lines := strings.Split(strings.Repeat("func main() {}\n", 20), "\n")
	p.render.HTML(w, http.StatusOK, "page", map[string]any{"Title": r.PathValue("name"), "Lines": lines})
}

func (p *pages) blob(w http.ResponseWriter, r *http.Request) {
	p.render.HTML(w, http.StatusOK, "blob", map[string]any{"Title": r.PathValue("name"), "Image": p.image})
}

func main() {
	r := render.New(template.Must(template.New("").Funcs(template.FuncMap{"owner": owner}).Parse(text)))
	service.Main(service.Case{
		Limit: 184 << 20, Rate: 4, Slow: 1,
		Setup: func(mux *http.ServeMux, _ string) {
			stock.Open(mux, 12, 15*time.Second)
			p := &pages{r, template.URL("data:image/png;base64," + strings.Repeat("iVBORw0KGgoA", 220<<10))}
			mux.HandleFunc("GET /file/{name}", p.file)
			mux.HandleFunc("GET /blob/{name}", p.blob)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			var all sync.WaitGroup
			for n := range 48 {
				all.Go(func() { service.Get(fmt.Sprintf("%s/file/f%d-%d", base, i, n)) })
			}
			all.Go(func() { service.Get(fmt.Sprintf("%s/blob/logo%d.svg", base, i)) })
			all.Wait()
		},
		Relieve: r.Drain,
	})
}
