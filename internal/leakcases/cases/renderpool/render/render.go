// Package render renders templates into pooled buffers, so that an error in a
// template can still become a status.
package render

import (
	"bytes"
	"html/template"
	"net/http"

	"github.com/oxtoacart/bpool"
)

// Render renders templates.
type Render struct {
	templates *template.Template
	bufs      *bpool.BufferPool
}

// New returns a renderer of the templates.
func New(t *template.Template) *Render {
	return &Render{templates: t, bufs: bpool.NewBufferPool(64)}
}

type page struct {
	status int
	name   string
}

// HTML renders the named template with status.
func (r *Render) HTML(w http.ResponseWriter, status int, name string, binding any) error {
	return r.render(w, page{status, name}, binding)
}

func (r *Render) render(w http.ResponseWriter, p page, binding any) error {
	buf := r.bufs.Get()
	defer r.bufs.Put(buf)
	if err := r.execute(buf, p.name, binding); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(p.status)
	_, err := buf.WriteTo(w)
	return err
}

func (r *Render) execute(buf *bytes.Buffer, name string, binding any) error {
	return r.templates.ExecuteTemplate(buf, name, binding)
}

// Drain empties the pool.
func (r *Render) Drain() {
	for range 64 {
		*r.bufs.Get() = bytes.Buffer{}
	}
}
