package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Folder is one incident being written. Its methods may be called from several
// goroutines: a profile that takes seconds and a report are written beside each
// other. It holds two file descriptors until it is closed, and as long as it is
// open, or its process lives, no store prunes it.
type Folder struct {
	s  *Store
	id string

	// mu guards what follows. It is never held while the disk is touched.
	mu        sync.Mutex
	dir       *os.Root
	lock      *os.File // nil where the file system knows no locks
	artefacts []incident.Artefact
	unsynced  []string
	size      int64
}

// ID returns the incident's identity, which is its folder's name.
func (f *Folder) ID() string { return f.id }

// Path returns the folder's absolute path.
func (f *Folder) Path() string { return filepath.Join(f.s.dir, f.id) }

// Artefacts returns what has been written so far, in order.
func (f *Folder) Artefacts() []incident.Artefact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.artefacts)
}

// opened returns the open folder, or nil once it is closed.
func (f *Folder) opened() *os.Root {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dir
}

// Write keeps what write writes as a file that is whole or absent: on an error,
// or a panic, of write nothing remains of it. A second Write of a name replaces
// the first. Names are lower case, such as [layout.FileName] returns or 'report.md';
// extensions are .pb.gz, .txt, .md, .html and .json. It does not sync, for the
// death of the process does not need it and it could take the milliseconds that
// decide: see [Folder.Sync]. What would take the incident beyond half of
// StoreConfig.MaxBytes is refused.
func (f *Folder) Write(name string, write func(io.Writer) error) (incident.Artefact, error) {
	dir, err := f.check(name)
	if err != nil {
		return incident.Artefact{}, err
	}
	size, sum, err := confined.WriteWhole(dir, f.s.tempName(), name, f.left(name), false, write)
	if err != nil {
		return incident.Artefact{}, f.failed("write "+name, err)
	}
	return f.record(name, size, sum), nil
}

// Link adds a baseline without copying it where the file system can.
func (f *Folder) Link(name string, from BaselineFile) (incident.Artefact, error) {
	if _, err := f.check(name); err != nil {
		return incident.Artefact{}, err
	}
	root, err := f.s.attached()
	if err != nil {
		return incident.Artefact{}, f.failed("link "+name, err)
	}
	if from.path == "" {
		return incident.Artefact{}, f.failed("link "+name, errors.New("it is no baseline of a store: take one of Store.Baselines"))
	}
	if from.Size > f.left(name) {
		return incident.Artefact{}, f.failed("link "+name, confined.ErrTooLarge)
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
		return incident.Artefact{}, f.failed("link "+name, fmt.Errorf("the baseline was dropped, or the incident removed: %w", err))
	}
	src, err := confined.OpenRegular(root, from.path, os.O_RDONLY)
	if err != nil {
		return incident.Artefact{}, f.failed("copy "+name, err)
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
	f.mu.Lock()
	dir, unsynced := f.dir, f.unsynced
	f.unsynced = nil
	f.mu.Unlock()
	if dir == nil {
		return f.failed("sync", fs.ErrClosed)
	}
	var errs []error
	for _, name := range unsynced {
		if err := confined.SyncFile(dir, name); err != nil {
			errs = append(errs, f.failed("sync "+name, err))
		}
	}
	if err := confined.SyncDir(dir); err != nil {
		errs = append(errs, f.failed("sync", err))
	}
	root, err := f.s.attached()
	if err == nil {
		err = confined.SyncDir(root)
	}
	if err != nil {
		errs = append(errs, f.failed("sync the store of", err))
	}
	return errors.Join(errs...)
}

// WriteManifest replaces the incident's manifest. It fills in Schema, ID and
// Artefacts, cuts lists and the reason to their bounds, and syncs. Call
// [Folder.Sync] before it where its hashes are to hold after a power cut.
func (f *Folder) WriteManifest(m incident.Manifest) error {
	dir := f.opened()
	if dir == nil {
		return f.failed("write "+layout.ManifestName, fs.ErrClosed)
	}
	m.ID, m.Artefacts = f.id, f.Artefacts()
	data, err := m.Encode()
	if err != nil {
		return f.failed("write "+layout.ManifestName, err)
	}
	if err := confined.WriteBytes(dir, f.s.tempName(), layout.ManifestName, data); err != nil {
		return f.failed("write "+layout.ManifestName, err)
	}
	return nil
}

// Discard removes the incident with all that was written of it, and closes the
// folder: what was taken on a suspicion that proved wrong is no evidence.
func (f *Folder) Discard() error {
	dir := f.opened()
	if dir == nil {
		return f.failed("discard", fs.ErrClosed)
	}
	var errs []error
	for _, a := range f.Artefacts() {
		errs = append(errs, dir.Remove(a.Name))
	}
	if err := dir.Remove(layout.ManifestName); !errors.Is(err, fs.ErrNotExist) {
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
	f.mu.Lock()
	defer f.mu.Unlock()
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

// check returns the open folder if the name may be written into it.
func (f *Folder) check(name string) (*os.Root, error) {
	dir := f.opened()
	if dir == nil {
		return nil, f.failed("write "+name, fs.ErrClosed)
	}
	if !layout.ValidName(name) || layout.Reserved(name) {
		return nil, f.failed("write", fmt.Errorf("%q is no name for an artefact: want one such as %q or \"report.md\"", name, layout.FileName(profile.Heap.String(), string(incident.VariantBase), 2)))
	}
	return dir, nil
}

// left is how many bytes the file may have.
func (f *Folder) left(name string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.s.maxBytes/2 - f.size
	if i := f.index(name); i >= 0 {
		left += f.artefacts[i].Size
	}
	return max(left, 0)
}

// index is where a file is in the list; mu is held.
func (f *Folder) index(name string) int {
	return slices.IndexFunc(f.artefacts, func(a incident.Artefact) bool { return a.Name == name })
}

func (f *Folder) record(name string, size int64, sum string) incident.Artefact {
	a := incident.Artefact{Name: name, Size: size, SHA256: sum, Written: time.Now().UTC()}
	if kind, _, _, ok := incident.ParseFileName(name); ok {
		a.Kind = &kind
	}
	f.mu.Lock()
	defer f.mu.Unlock()
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
	return fmt.Errorf("store: incident %s: %s: %w", f.id, what, err)
}

// FileName names the file of a profile in an incident's folder, such as 'heap.pb.gz' or,
// for the second capture of a profile after a forced GC cycle, 'heap-fresh.2.pb.gz'.
// Captures count from 1. [incident.ParseFileName] takes it apart.
func FileName(kind profile.Kind, variant incident.Variant, capture int) string {
	return layout.FileName(kind.String(), string(variant), capture)
}
