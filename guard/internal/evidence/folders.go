package evidence

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/leakguard/leakguard/internal/store"
)

// openFolders are the folders of the current incidents. A store does not remove a folder
// that is open.
type openFolders struct {
	mu  sync.Mutex
	set map[string]*store.Folder
}

// get returns the incident's folder, or nil.
func (o *openFolders) get(id string) *store.Folder {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set[id]
}

func (o *openFolders) add(f *store.Folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = make(map[string]*store.Folder)
	}
	o.set[f.ID()] = f
}

// remove removes and returns the incident's folder, or nil.
func (o *openFolders) remove(id string) *store.Folder {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.set[id]
	delete(o.set, id)
	return f
}

func (o *openFolders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.set {
		f.Close()
	}
	o.set = nil
}

// Folder returns the open folder of a current incident, or nil.
func (t *Taker) Folder(id string) *store.Folder { return t.open.get(id) }

// folderOf returns the incident's folder. It creates the folder at the first capture, and
// again if it has been removed.
func (t *Taker) folderOf(id string) (*store.Folder, error) {
	if t.cfg.Store == nil {
		return nil, errors.New("guard: there is no disk for evidence")
	}
	if f := t.open.get(id); f != nil {
		if _, err := os.Lstat(f.Path()); !errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		t.open.remove(id)
		f.Close()
	}
	f, err := t.cfg.Store.CreateID(id)
	if err != nil {
		return nil, err
	}
	t.open.add(f)
	return f, nil
}

// Finish writes the last manifest of an incident, if it has a folder, and closes the
// folder, so that it may be pruned.
func (t *Taker) Finish(id string, r *Record) error {
	f := t.open.remove(id)
	if f == nil {
		return nil
	}
	return errors.Join(r.Write(f), f.Close())
}
