// Package templates has HTML templates that follow their files.
package templates

import (
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Set is the templates of a folder.
type Set struct {
	mu    sync.RWMutex
	pages *template.Template
}

// Open reads a folder and reads it again when it changes.
func Open(dir string) (*Set, error) {
	s := &Set{}
	if err := s.parse(dir); err != nil {
		return nil, err
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("templates: watch %s: %w", dir, err)
	}
	if err := w.Add(dir); err != nil {
		w.Close()
		return nil, fmt.Errorf("templates: watch %s: %w", dir, err)
	}
	go s.follow(w, dir)
	return s, nil
}

func (s *Set) parse(dir string) error {
	pages, err := template.ParseGlob(filepath.Join(dir, "*.html"))
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	s.mu.Lock()
	s.pages = pages
	s.mu.Unlock()
	return nil
}

func (s *Set) follow(w *fsnotify.Watcher, dir string) {
	for e := range w.Events {
		if e.Has(fsnotify.Write) {
			s.parse(dir)
		}
	}
}

// Render renders a page.
func (s *Set) Render(w io.Writer, page string, data any) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pages.ExecuteTemplate(w, page, data)
}

// Sample returns the text of a page.
func Sample(i int) []byte {
	var page []byte
	page = fmt.Appendf(page, "<html><title>Page %d</title><body>\n", i)
	for n := range 60 {
		page = fmt.Appendf(page, "<p>{{if gt .Stock %d}}<b>{{.Price}}</b>{{else}}sold out{{end}} article %d</p>\n", n, n)
	}
	return append(page, "</body></html>\n"...)
}
