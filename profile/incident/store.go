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

// Store reads a folder of incidents. It never writes, so the folder may be a
// copy or belong to another user. It reads only names that a guard may have
// written, and follows no symbolic link below the folder. It holds no file
// descriptors between calls. Its methods may be called from several goroutines
// at once.
type Store struct {
	dir string
}

// OpenStore opens the folder of incidents dir, which must exist. If dir is a
// symbolic link it is resolved once, by this call.
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

// Dir returns the absolute path of the folder, with symbolic links resolved.
func (s *Store) Dir() string { return s.dir }

// Incidents returns the incidents in the folder, oldest first. It includes an
// incident whose process died before it wrote the manifest, with CutShort set.
// Doubts about a single incident are in its Warnings; the error concerns the
// folder as a whole.
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

// Incident returns the incident with that ID. The error wraps [fs.ErrNotExist]
// if there is none.
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
	return Manifest{}, fmt.Errorf("incident: no incident %q in %s: %w", id, s.dir, fs.ErrNotExist)
}

// Open opens a file of an incident for reading. The error wraps
// [fs.ErrNotExist] if the incident has no such file. The caller closes the
// file.
func (s *Store) Open(id, name string) (*os.File, error) {
	if !IsID(id) || !layout.ValidName(name) {
		return nil, fmt.Errorf("incident: no file %q in incident %q: %w", name, id, fs.ErrNotExist)
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

// root opens the folder, unless a symbolic link has replaced it.
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
		return nil, errors.Join(errors.New("the folder was replaced during the call: try again"), err)
	}
	return root, nil
}

// IsID reports whether name is the ID of an incident, which is also the name of
// its folder.
func IsID(name string) bool {
	_, _, ok := layout.ParseID(name)
	return ok
}
