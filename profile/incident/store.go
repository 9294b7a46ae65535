package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
)

// Reader reads a folder of incidents. It writes nothing, so the folder may be a copy,
// or another user's. It holds no descriptors between calls, and its methods may be
// called from several goroutines.
//
// Only names that a guard may have written are read, and no symbolic link below the
// folder is followed.
type Store struct {
	dir string
}

// OpenReader returns the incidents in a folder, which has to exist. dir itself may be a
// symbolic link; it is resolved once, here.
func OpenStore(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("incident: open store %s: %w", dir, err)
	}
	s := &Store{dir: abs}
	root, err := s.root()
	if err != nil {
		return nil, fmt.Errorf("incident: open store %s: %w", dir, err)
	}
	return s, root.Close()
}

// Dir returns the absolute path of the folder.
func (s *Store) Dir() string { return s.dir }

// Incidents returns the incidents in the folder, oldest first. An incident whose process
// died before its manifest was written is among them, with CutShort set. Doubts about
// one incident are in its Warnings; an error is about the folder as a whole.
func (s *Store) Incidents() ([]Manifest, error) {
	root, err := s.root()
	if err != nil {
		return nil, fmt.Errorf("incident: list incidents in %s: %w", s.dir, err)
	}
	defer root.Close()
	list, err := confined.Names(root)
	if err != nil {
		return nil, fmt.Errorf("incident: list incidents in %s: %w", s.dir, err)
	}
	var all []Manifest
	for _, id := range list {
		if !IsID(id) {
			continue
		}
		if m, ok := readIncident(root, id); ok {
			all = append(all, m)
		}
	}
	return all, nil
}

// Incident returns one incident. The error wraps [fs.ErrNotExist] if there is none of
// that ID.
func (s *Store) Incident(id string) (Manifest, error) {
	root, err := s.root()
	if err != nil {
		return Manifest{}, fmt.Errorf("incident: read incident %q in %s: %w", id, s.dir, err)
	}
	defer root.Close()
	if IsID(id) {
		if m, ok := readIncident(root, id); ok {
			return m, nil
		}
	}
	return Manifest{}, fmt.Errorf("incident: there is no incident %q in %s: %w", id, s.dir, fs.ErrNotExist)
}

// Open opens a file of an incident for reading. The error wraps [fs.ErrNotExist] if
// there is none of that name.
func (s *Store) Open(id, name string) (*os.File, error) {
	if !IsID(id) || !layout.ValidName(name) {
		return nil, fmt.Errorf("incident: there is no file %q of an incident %q: %w", name, id, fs.ErrNotExist)
	}
	root, err := s.root()
	if err != nil {
		return nil, fmt.Errorf("incident: open %s of incident %s: %w", name, id, err)
	}
	defer root.Close()
	dir, err := confined.OpenDir(root, id)
	if err != nil {
		return nil, fmt.Errorf("incident: open %s of incident %s: %w", name, id, err)
	}
	defer dir.Close()
	f, err := confined.OpenRegular(dir, name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("incident: open %s of incident %s: %w", name, id, err)
	}
	return f, nil
}

// root opens the folder, unless it has become a link to another place.
func (s *Store) root() (*os.Root, error) {
	before, err := os.Lstat(s.dir)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, errors.New("not a folder")
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	if now, err := root.Stat("."); err != nil || !os.SameFile(before, now) {
		root.Close()
		return nil, errors.Join(errors.New("the folder was replaced while it was opened: try again"), err)
	}
	return root, nil
}

// IsIncidentID reports whether a name is an incident's ID, which is that of its
// folder.
func IsID(name string) bool {
	_, _, ok := layout.ParseID(name)
	return ok
}
