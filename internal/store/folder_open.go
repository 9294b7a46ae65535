package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/layout"
)

// Create makes the folder of an incident that opened at that time. The label is
// the name of its rule; see [layout.ValidLabel]. If the store's folder was
// removed in the meantime, Create makes it again.
func (s *Store) Create(at time.Time, label string) (*Folder, error) {
	if err := errors.Join(layout.ValidLabel(label), layout.ValidStamp(at)); err != nil {
		return nil, fmt.Errorf("store: create incident: %w", err)
	}
	var f *Folder
	err := fs.ErrExist
	for tries := 0; tries < 8 && (errors.Is(err, fs.ErrExist) || errors.Is(err, ErrInUse)); tries++ {
		f, err = s.CreateID(layout.NewID(at, label))
	}
	return f, err
}

// CreateID makes the folder of an incident with a known ID, made by
// [layout.NewID]. The error wraps [fs.ErrExist] if there is one already.
func (s *Store) CreateID(id string) (*Folder, error) {
	if _, _, ok := layout.ParseID(id); !ok {
		return nil, fmt.Errorf("store: create incident: %q is not the ID of an incident", id)
	}
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("store: create incident: %w", err)
	}
	f := &Folder{s: s, id: id}
	err = root.Mkdir(id, 0o700)
	for try := 0; err == nil && try < 8; try++ {
		if err = f.open(root); err == nil {
			return f, nil
		}
		// A store that prunes may have locked the empty folder before us, to
		// remove it or only to look. Wait until it is done: it removes by
		// name, so a new folder with that name would go as well.
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = root.Mkdir(id, 0o700)
		case errors.Is(err, ErrInUse):
			time.Sleep(time.Millisecond)
			err = nil
		default:
			root.Remove(id)
		}
	}
	return nil, fmt.Errorf("store: create incident in %s: %w", s.dir, cmp.Or(err, ErrInUse))
}

// Reopen opens an earlier incident to add to it, for example the report that
// its process had no headroom for. It fails with [ErrInUse] while a live
// process is writing the incident.
func (s *Store) Reopen(id string) (*Folder, error) {
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("store: reopen incident: %w", err)
	}
	m, err := s.Incident(id)
	if err != nil {
		return nil, err
	}
	f := &Folder{s: s, id: id}
	err = f.open(root)
	for try := 0; try < 5 && errors.Is(err, ErrInUse); try++ {
		// It may only be a store that prunes and is checking the lock.
		time.Sleep(2 * time.Millisecond)
		err = f.open(root)
	}
	if err != nil {
		return nil, fmt.Errorf("store: reopen incident %s: %w", id, err)
	}
	for _, a := range m.Artefacts {
		if a.SHA256 == "" {
			if a.SHA256, err = confined.HashFile(f.dir, a.Name); err != nil {
				f.Close()
				return nil, fmt.Errorf("store: reopen incident %s: %w", id, err)
			}
			f.unsynced = append(f.unsynced, a.Name)
		}
		f.artefacts = append(f.artefacts, a)
		f.size += a.Size
	}
	return f, nil
}

// open opens and locks the folder, and then checks that it is still in place.
func (f *Folder) open(root *os.Root) (err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if f.dir, err = confined.OpenDir(root, f.id); err != nil {
		return err
	}
	if f.lock, err = lockDir(f.dir); err != nil {
		return err
	}
	return stillAt(root, f.id, f.dir)
}

// stillAt checks that a folder just locked is the one with that name. Only the
// holder of the lock of the folder with a name removes or renames it.
func stillAt(root *os.Root, name string, dir *os.Root) error {
	there, err := root.Lstat(name)
	if err != nil {
		return err
	}
	ours, err := dir.Stat(".")
	if err != nil {
		return err
	}
	if !os.SameFile(there, ours) {
		return &fs.PathError{Op: "lock", Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

// lockDir locks a folder, or returns ErrInUse. It returns nil if the file
// system has no locks.
func lockDir(dir *os.Root) (*os.File, error) {
	lock, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	switch taken, err := filelock.Try(lock); {
	case err != nil:
		lock.Close()
		return nil, nil
	case !taken:
		lock.Close()
		return nil, ErrInUse
	}
	return lock, nil
}
