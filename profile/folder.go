package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Folder is one incident being written. It is for one goroutine at a time. It
// holds two file descriptors until it is closed, and as long as it is open, or
// its process lives, no store prunes it.
type Folder struct {
	s         *Store
	id        string
	dir       *os.Root
	lock      *os.File // nil where the file system knows no locks
	artefacts []Artefact
	unsynced  []string
	size      int64
}

// Create makes the folder of an incident that opened at that time. The label
// is the name of its rule; see [ValidLabel]. If the store's folder was removed
// in the meantime it is made anew.
func (s *Store) Create(at time.Time, label string) (*Folder, error) {
	if err := errors.Join(ValidLabel(label), validStamp(at)); err != nil {
		return nil, fmt.Errorf("profile: create incident: %w", err)
	}
	var f *Folder
	err := fs.ErrExist
	for tries := 0; tries < 8 && (errors.Is(err, fs.ErrExist) || errors.Is(err, ErrInUse)); tries++ {
		f, err = s.CreateID(NewIncidentID(at, label))
	}
	return f, err
}

// CreateID makes the folder of an incident whose ID, made by [NewIncidentID], is
// known already. One that exists is an error that is [fs.ErrExist].
func (s *Store) CreateID(id string) (*Folder, error) {
	if _, _, ok := parseID(id); !ok {
		return nil, fmt.Errorf("profile: create incident: %q is no incident's ID: make one with NewIncidentID", id)
	}
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("profile: create incident: %w", err)
	}
	f := &Folder{s: s, id: id}
	err = root.Mkdir(id, 0o700)
	for try := 0; err == nil && try < 8; try++ {
		if err = f.open(root); err == nil {
			return f, nil
		}
		// A store that prunes may have taken the empty folder for a dead
		// process's, in the moment before it was locked, or only ask. As
		// long as it has the lock the folder is its: removing and making
		// it anew would hand it the new one, for it goes by the name.
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
	return nil, fmt.Errorf("profile: create incident in %s: %w", s.dir, cmp.Or(err, ErrInUse))
}

// Reopen opens an incident of an earlier time to add to it, such as the report
// that its process had no headroom for. An incident that a live process is
// still writing is [ErrInUse].
func (s *Store) Reopen(id string) (*Folder, error) {
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("profile: reopen incident: %w", err)
	}
	m, err := s.Incident(id)
	if err != nil {
		return nil, err
	}
	f := &Folder{s: s, id: id}
	err = f.open(root)
	for try := 0; try < 5 && errors.Is(err, ErrInUse); try++ {
		// Perhaps only a store that prunes and asks whether it is.
		time.Sleep(2 * time.Millisecond)
		err = f.open(root)
	}
	if err != nil {
		return nil, fmt.Errorf("profile: reopen incident %s: %w", id, err)
	}
	for _, a := range m.Artefacts {
		if a.SHA256 == "" {
			if a.SHA256, err = hashFile(f.dir, a.Name); err != nil {
				f.Close()
				return nil, fmt.Errorf("profile: reopen incident %s: %w", id, err)
			}
			f.unsynced = append(f.unsynced, a.Name)
		}
		f.artefacts = append(f.artefacts, a)
		f.size += a.Size
	}
	return f, nil
}

// open opens and locks the folder, and makes sure that it is still there then.
func (f *Folder) open(root *os.Root) (err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if f.dir, err = openDir(root, f.id); err != nil {
		return err
	}
	if f.lock, err = lockDir(f.dir); err != nil {
		return err
	}
	return stillAt(root, f.id, f.dir)
}

// stillAt makes sure, once a folder is locked, that it is the one of its name.
// Who holds the lock of the folder of a name, and nobody else, removes it or
// gives it another name.
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

// lockDir locks a folder, or returns ErrInUse. On a file system that knows no
// locks it returns no file.
func lockDir(dir *os.Root) (*os.File, error) {
	lock, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	switch taken, err := tryLock(lock); {
	case err != nil:
		lock.Close()
		return nil, nil
	case !taken:
		lock.Close()
		return nil, ErrInUse
	}
	return lock, nil
}

// ID returns the incident's identity, which is its folder's name.
func (f *Folder) ID() string { return f.id }

// Path returns the folder's absolute path.
func (f *Folder) Path() string { return filepath.Join(f.s.dir, f.id) }

// Artefacts returns what has been written so far, in order.
func (f *Folder) Artefacts() []Artefact { return slices.Clone(f.artefacts) }

// Write keeps what write writes as a file that is whole or absent: on an error,
// or a panic, of write nothing remains of it. A second Write of a name replaces
// the first. Names are lower case, such as [FileName] returns or 'report.md';
// extensions are .pb.gz, .txt, .md, .html and .json. It does not sync, for the
// death of the process does not need it and it could take the milliseconds that
// decide: see [Folder.Sync]. What would take the incident beyond half of
// StoreConfig.MaxBytes is refused.
func (f *Folder) Write(name string, write func(io.Writer) error) (Artefact, error) {
	if err := f.check(name); err != nil {
		return Artefact{}, err
	}
	size, sum, err := writeWhole(f.dir, f.s.tempName(), name, f.left(name), false, write)
	if err != nil {
		return Artefact{}, f.failed("write "+name, err)
	}
	return f.record(name, size, sum), nil
}

// Link adds a baseline without copying it where the file system can.
func (f *Folder) Link(name string, from BaselineFile) (Artefact, error) {
	if err := f.check(name); err != nil {
		return Artefact{}, err
	}
	root, err := f.s.attached()
	if err != nil {
		return Artefact{}, f.failed("link "+name, err)
	}
	if from.path == "" {
		return Artefact{}, f.failed("link "+name, errors.New("it is no baseline of a store: take one of Store.Baselines"))
	}
	if from.Size > f.left(name) {
		return Artefact{}, f.failed("link "+name, errTooLarge)
	}
	temp := f.id + "/" + f.s.tempName()
	err = root.Link(from.path, temp)
	if err == nil {
		err = root.Rename(temp, f.id+"/"+name)
		// Renaming one link of a file onto another does nothing, rename(2).
		root.Remove(temp)
		if err == nil {
			return f.record(name, from.Size, from.SHA256), nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Artefact{}, f.failed("link "+name, fmt.Errorf("the baseline was dropped, or the incident removed: %w", err))
	}
	src, err := openRegular(root, from.path, os.O_RDONLY)
	if err != nil {
		return Artefact{}, f.failed("copy "+name, err)
	}
	defer src.Close()
	return f.Write(name, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
}

// Sync makes what was written since the last Sync safe against a power cut. It
// can take long; the evidence comes first. A file that is gone is an error, the
// others are synced all the same.
func (f *Folder) Sync() error {
	if f.dir == nil {
		return f.failed("sync", fs.ErrClosed)
	}
	var errs []error
	for _, name := range f.unsynced {
		if err := syncFile(f.dir, name); err != nil {
			errs = append(errs, f.failed("sync "+name, err))
		}
	}
	f.unsynced = nil
	if err := syncDir(f.dir); err != nil {
		errs = append(errs, f.failed("sync", err))
	}
	root, err := f.s.attached()
	if err == nil {
		err = syncDir(root)
	}
	if err != nil {
		errs = append(errs, f.failed("sync the store of", err))
	}
	return errors.Join(errs...)
}

// WriteManifest replaces the incident's manifest. It fills in Schema, ID and
// Artefacts, cuts lists and the reason to their bounds, and syncs. Call
// [Folder.Sync] before it where its hashes are to hold after a power cut.
func (f *Folder) WriteManifest(m Manifest) error {
	if f.dir == nil {
		return f.failed("write "+manifestName, fs.ErrClosed)
	}
	m.Schema, m.ID, m.Artefacts = ManifestSchema, f.id, f.artefacts
	data, err := m.encode()
	if err != nil {
		return f.failed("write "+manifestName, err)
	}
	if err := writeBytes(f.dir, f.s.tempName(), manifestName, data); err != nil {
		return f.failed("write "+manifestName, err)
	}
	return nil
}

// Discard removes the incident with all that was written of it, and closes the
// folder: what was taken on a suspicion that proved wrong is no evidence.
func (f *Folder) Discard() error {
	if f.dir == nil {
		return f.failed("discard", fs.ErrClosed)
	}
	var errs []error
	for _, a := range f.artefacts {
		errs = append(errs, f.dir.Remove(a.Name))
	}
	if err := f.dir.Remove(manifestName); !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	root, err := f.s.attached()
	if err == nil {
		err = root.Remove(f.id)
	}
	errs = append(errs, err, f.Close())
	if err := errors.Join(errs...); err != nil {
		return f.failed("discard", err)
	}
	return nil
}

// Close gives the folder back to retention. It may be called again.
func (f *Folder) Close() error {
	var errs []error
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	if f.dir != nil {
		errs = append(errs, f.dir.Close())
	}
	f.lock, f.dir = nil, nil
	if err := errors.Join(errs...); err != nil {
		return f.failed("close", err)
	}
	return nil
}

func (f *Folder) check(name string) error {
	if f.dir == nil {
		return f.failed("write "+name, fs.ErrClosed)
	}
	if !validName(name) || reserved(name) {
		return f.failed("write", fmt.Errorf("%q is no name for an artefact: want one such as %q or \"report.md\"", name, FileName(Heap, Base, 2)))
	}
	return nil
}

// left is how many bytes the file may have.
func (f *Folder) left(name string) int64 {
	left := f.s.maxBytes/2 - f.size
	if i := f.index(name); i >= 0 {
		left += f.artefacts[i].Size
	}
	return max(left, 0)
}

func (f *Folder) index(name string) int {
	return slices.IndexFunc(f.artefacts, func(a Artefact) bool { return a.Name == name })
}

func (f *Folder) record(name string, size int64, sum string) Artefact {
	a := newArtefact(name, size, sum, time.Now().UTC())
	if i := f.index(name); i >= 0 {
		f.size -= f.artefacts[i].Size
		f.artefacts = slices.Delete(f.artefacts, i, i+1)
	}
	f.artefacts = append(f.artefacts, a)
	f.size += size
	if !slices.Contains(f.unsynced, name) {
		f.unsynced = append(f.unsynced, name)
	}
	return a
}

func (f *Folder) failed(what string, err error) error {
	return fmt.Errorf("profile: incident %s: %s: %w", f.id, what, err)
}
