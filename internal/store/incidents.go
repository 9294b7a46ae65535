package store

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile/incident"
)

// Incidents returns the incidents in the store, oldest first; see
// [incident.Store.Incidents].
func (s *Store) Incidents() ([]incident.Manifest, error) {
	if _, err := s.attached(); err != nil {
		return nil, fmt.Errorf("store: list incidents in %s: %w", s.dir, err)
	}
	return s.reader.Incidents()
}

// Incident returns one incident; see [incident.Store.Incident].
func (s *Store) Incident(id string) (incident.Manifest, error) {
	if _, err := s.attached(); err != nil {
		return incident.Manifest{}, fmt.Errorf("store: read incident %q in %s: %w", id, s.dir, err)
	}
	return s.reader.Incident(id)
}

// Reader returns a read-only view of the store, which stays usable after Close.
func (s *Store) Reader() *incident.Store { return s.reader }

func (s *Store) incidentDir(id string) (*os.Root, error) {
	if _, _, ok := layout.ParseID(id); !ok {
		return nil, fmt.Errorf("store: no incident %q: %w", id, fs.ErrNotExist)
	}
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("store: open incident %s: %w", id, err)
	}
	dir, err := confined.OpenDir(root, id)
	if err != nil {
		return nil, fmt.Errorf("store: open incident %s: %w", id, err)
	}
	return dir, nil
}
