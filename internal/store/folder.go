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

// Folder is one incident being written. It is safe for concurrent use: a profile that
// takes seconds and a report are written at the same time. It holds two file descriptors
// until it is closed. While it is open and its process lives, no store prunes it.
type Folder struct {
	s  *Store
	id string

	// mu guards what follows. It is never held while the disk is touched.
	mu        sync.Mutex
	dir       *os.Root
	lock      *os.File // nil if the file system has no locks
	artefacts []incident.Artefact
	unsynced  []string
	size      int64
}

// ID returns the incident's ID, which is its folder's name.
func (f *Folder) ID() string { return f.id }

// Path returns the folder's absolute path.
func (f *Folder) Path() string { return filepath.Join(f.s.dir, f.id) }

// Artefacts returns the files written so far, in order.
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

// Write stores what write writes as a file, whole or not at all: nothing of it
// remains if write fails or panics. A second Write of a name replaces the
// first. A name is in lower case, such as [layout.FileName] returns or
// 'report.md', with the extension .pb.gz, .txt, .md, .html or .json. Write
// fails if the incident would take more than half of [Config].MaxBytes.
//
// Write does not sync: a file survives the death of the process without it, and
// syncing could take the milliseconds that decide. See [Folder.Sync].
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

// Link adds a baseline, without copying it if the file system supports links.
func (f *Folder) Link(name string, from BaselineFile) (incident.Artefact, error) {
	if _, err := f.check(name); err != nil {
		return incident.Artefact{}, err
	}
	root, err := f.s.attached()
	if err != nil {
		return incident.Artefact{}, f.failed("link "+name, err)
	}
	if from.path == "" {
		return incident.Artefact{}, f.failed("link "+name, errors.New("not a baseline of this store: use one of Store.Baselines"))
	}
	if from.Size > f.left(name) {
		return incident.Artefact{}, f.failed("link "+name, confined.ErrTooLarge)
	}
	if err = link(root, from.path, f.id+"/"+name, f.id+"/"+f.s.tempName()); err == nil {
		return f.record(name, from.Size, from.SHA256), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return incident.Artefact{}, f.failed("link "+name, fmt.Errorf("the baseline or the incident was removed: %w", err))
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

// link makes to a link of a file, in place of a file of that name, by way of temp.
func link(root *os.Root, from, to, temp string) error {
	if err := root.Link(from, temp); err != nil {
		return err
	}
	err := root.Rename(temp, to)
	// Renaming one link of a file onto another does nothing, see rename(2).
	root.Remove(temp)
	return err
}

// Sync makes everything written since the last Sync safe from a power cut. It
// can take long, so take all evidence first. It reports files that are gone,
// and syncs the others nevertheless.
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

// WriteManifest replaces the incident's manifest, and syncs it. It sets Schema,
// ID and Artefacts and cuts lists and texts to their limits. Call [Folder.Sync]
// before it if the hashes must hold after a power cut.
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

// Discard removes the incident with all its files and closes the folder. It is
// for evidence of a suspicion that proved wrong.
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

// Close closes the folder, which lets it be pruned. It may be called again.
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
		return nil, f.failed("write", fmt.Errorf("%q is not a valid file name: want one such as %q or \"report.md\"", name, layout.FileName(profile.Heap.String(), string(incident.VariantBase), 2)))
	}
	return dir, nil
}

// Room returns how many bytes more the incident may take.
func (f *Folder) Room() int64 { return f.left("") }

// left returns how many bytes the file may take.
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

// FileName returns the name of a profile's file in an incident's folder, such
// as 'heap.pb.gz' or, for the second capture of a heap profile after a forced
// GC cycle, 'heap-fresh.2.pb.gz'. Captures count from 1.
// [incident.ParseFileName] is its inverse.
func FileName(kind profile.Kind, variant incident.Variant, capture int) string {
	return layout.FileName(kind.String(), string(variant), capture)
}
