package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// contents is what an incident's folder holds.
type contents struct {
	files    []fs.FileInfo // artefacts, sorted by name
	temps    []string
	size     int64
	manifest bool
	foreign  bool // something is in it that the store did not write
}

func scan(dir *os.Root) (contents, error) {
	var c contents
	list, err := names(dir)
	if err != nil {
		return c, err
	}
	for _, name := range list {
		fi, err := dir.Lstat(name)
		switch _, temp := parseTemp(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return c, err
		case !fi.Mode().IsRegular() || !temp && !validName(name):
			c.foreign = true
		case temp:
			c.temps = append(c.temps, name)
			c.size += fi.Size()
		default:
			c.size += fi.Size()
			c.manifest = c.manifest || name == manifestName
			if !reserved(name) {
				c.files = append(c.files, fi)
			}
		}
	}
	return c, nil
}

// alien reports whether there is nothing of ours in a folder that holds things
// of others: then it is theirs, whatever its name.
func (c contents) alien() bool {
	return c.foreign && !c.manifest && len(c.files) == 0 && len(c.temps) == 0
}

// Incidents returns what is kept, oldest first. An incident whose process died
// before its manifest is among them, with CutShort set. What could not be read
// of one is said in its Warnings; an error is about the store as a whole.
func (s *Store) Incidents() ([]Manifest, error) {
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("profile: list incidents: %w", err)
	}
	return listIncidents(root)
}

// Incident returns one incident; one that is not there is [fs.ErrNotExist].
func (s *Store) Incident(id string) (Manifest, error) {
	root, err := s.attached()
	if err != nil {
		return Manifest{}, fmt.Errorf("profile: read incident: %w", err)
	}
	if _, _, ok := parseID(id); ok {
		if m, ok := readIncident(root, id); ok {
			return m, nil
		}
	}
	return Manifest{}, fmt.Errorf("profile: there is no incident %q in %s: %w", id, s.dir, fs.ErrNotExist)
}

// Open opens a file of an incident for reading. Only names that the store may
// have written are tried, and links are not followed.
func (s *Store) Open(id, name string) (*os.File, error) {
	if _, _, ok := parseID(id); !ok || !validName(name) {
		return nil, fmt.Errorf("profile: there is no file %q of an incident %q: %w", name, id, fs.ErrNotExist)
	}
	dir, err := s.incidentDir(id)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := openRegular(dir, name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("profile: incident %s: %w", id, err)
	}
	return f, nil
}

func (s *Store) incidentDir(id string) (*os.Root, error) {
	if _, _, ok := parseID(id); !ok {
		return nil, fmt.Errorf("profile: there is no incident %q: %w", id, fs.ErrNotExist)
	}
	root, err := s.attached()
	if err != nil {
		return nil, fmt.Errorf("profile: open incident %s: %w", id, err)
	}
	dir, err := openDir(root, id)
	if err != nil {
		return nil, fmt.Errorf("profile: open incident %s: %w", id, err)
	}
	return dir, nil
}

// readIncident reads an incident, whatever state it is in. It is not ok if
// there is none: gone in the meantime, or somebody else's.
func readIncident(root *os.Root, id string) (m Manifest, ok bool) {
	opened, rule, _ := parseID(id)
	cutShort := Manifest{Schema: ManifestSchema, ID: id, Rule: rule, Opened: opened, Peak: Unknown, CutShort: true}
	if fi, err := root.Lstat(id); err != nil || !fi.IsDir() {
		return Manifest{}, false
	}
	dir, err := openDir(root, id)
	if err != nil {
		cutShort.Warnings = append(cutShort.Warnings, err.Error())
		return cutShort, !errors.Is(err, fs.ErrNotExist)
	}
	defer dir.Close()
	c, err := scan(dir)
	if err != nil {
		cutShort.Warnings = append(cutShort.Warnings, err.Error())
		return cutShort, true
	}
	if c.alien() {
		return Manifest{}, false
	}
	m = cutShort
	if c.manifest {
		read, err := readManifestFile(dir)
		if err != nil {
			m.Warnings = append(m.Warnings, err.Error())
		} else {
			m = read
		}
	}
	if m.ID != id {
		m.Warnings = append(m.Warnings, fmt.Sprintf("the manifest is that of %.100q: copied?", m.ID))
		m.ID = id
	}
	m.reconcile(c)
	return m, true
}

// FolderManifest reads the manifest in an incident's folder. What it lists may lag
// behind what is there; [Store.Incident] says where. The error is fs.ErrNotExist
// where there is none, and links are not followed.
func FolderManifest(dir string) (Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Manifest{}, err
	}
	defer root.Close()
	return readManifestFile(root)
}

func readManifestFile(dir *os.Root) (Manifest, error) {
	f, err := openRegular(dir, manifestName, os.O_RDONLY)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	return ReadManifest(f)
}

// reconcile makes Artefacts what is on disk, and says where the manifest
// differs: it is written after the files, so it may lag behind them.
func (m *Manifest) reconcile(c contents) {
	onDisk := make(map[string]fs.FileInfo, len(c.files))
	for _, fi := range c.files {
		onDisk[fi.Name()] = fi
	}
	kept := m.Artefacts[:0]
	for _, a := range m.Artefacts {
		fi, ok := onDisk[a.Name]
		delete(onDisk, a.Name)
		switch {
		case !ok:
			m.Warnings = append(m.Warnings, a.Name+" is missing")
			continue
		case fi.Size() != a.Size:
			if !isReport(a.Name) {
				m.Warnings = append(m.Warnings, fmt.Sprintf("%s has %d bytes, its manifest says %d: it was replaced after the manifest", a.Name, fi.Size(), a.Size))
			}
			a = newArtefact(a.Name, fi.Size(), "", fi.ModTime().UTC())
		}
		kept = append(kept, a)
	}
	for _, fi := range c.files {
		if _, unlisted := onDisk[fi.Name()]; !unlisted {
			continue
		}
		if !m.CutShort && !isReport(fi.Name()) { // a report is written after everything else
			m.Warnings = append(m.Warnings, fi.Name()+" was written after the manifest")
		}
		kept = append(kept, newArtefact(fi.Name(), fi.Size(), "", fi.ModTime().UTC()))
	}
	m.Artefacts = kept
}
