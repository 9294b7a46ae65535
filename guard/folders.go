package guard

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/leakguard/leakguard/profile"
)

// openFolders are the folders of the incidents that are under way. They stay open,
// so that no store removes them.
type openFolders struct {
	mu  sync.Mutex
	set map[string]*profile.Folder
}

// get returns the incident's folder, or nil.
func (o *openFolders) get(id string) *profile.Folder {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set[id]
}

func (o *openFolders) add(f *profile.Folder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = make(map[string]*profile.Folder)
	}
	o.set[f.ID()] = f
}

// remove returns the incident's folder, or nil, and forgets it.
func (o *openFolders) remove(id string) *profile.Folder {
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

// folder returns the incident's folder, which is made with its first capture,
// and anew if somebody has removed it: nothing can be written to a removed one.
func (k *keeper) folder(id string) (*profile.Folder, error) {
	if k.store == nil {
		return nil, errors.New("guard: no folder to keep evidence in")
	}
	if f := k.open.get(id); f != nil {
		if _, err := os.Lstat(f.Path()); !errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		k.open.remove(id)
		f.Close()
	}
	f, err := k.store.CreateID(id)
	if err != nil {
		return nil, err
	}
	k.open.add(f)
	return f, nil
}

// finish has an incident's last manifest written and its folder closed, so that it
// may be pruned.
func (k *keeper) finish(id string, r *record) {
	k.records.must(func() {
		f := k.open.remove(id)
		if f == nil {
			return
		}
		err := errors.Join(r.write(f), f.Close())
		if err != nil && k.once.first("manifest") {
			k.log.Warn("leakguard: the manifest of a closed incident could not be written", "incident", id, "error", err)
		}
	})
}
