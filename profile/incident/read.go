package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// readIncident reads an incident, even if it is incomplete or damaged. ok is
// false if there is none: it was removed in the meantime, or the folder is not
// ours.
func readIncident(root *os.Root, id string) (m Manifest, ok bool) {
	opened, rule, _ := layout.ParseID(id)
	cutShort := Manifest{Schema: manifestSchema, ID: id, Rule: rule, Opened: opened, Peak: profile.Unknown, CutShort: true}
	if fi, err := root.Lstat(id); err != nil || !fi.IsDir() {
		return Manifest{}, false
	}
	dir, err := confined.OpenDir(root, id)
	if err != nil {
		cutShort.Warnings = append(cutShort.Warnings, err.Error())
		return cutShort, !errors.Is(err, fs.ErrNotExist)
	}
	defer dir.Close()
	c, err := layout.Scan(dir)
	if err != nil {
		cutShort.Warnings = append(cutShort.Warnings, err.Error())
		return cutShort, true
	}
	if c.Alien() {
		return Manifest{}, false
	}
	m = cutShort
	if c.Manifest {
		read, err := readManifestFile(dir)
		if err != nil {
			m.Warnings = append(m.Warnings, err.Error())
		} else {
			m = read
		}
	}
	if m.ID != id {
		m.Warnings = append(m.Warnings, fmt.Sprintf("the manifest belongs to incident %.100q: the folder may be a copy", m.ID))
		m.ID = id
	}
	m.reconcile(c)
	if m.Headline == "" {
		m.Headline = readHeadline(dir)
	}
	return m, true
}

// ReadFolder returns the incident in a folder of any name, such as a copy of an
// incident's folder. The error wraps [fs.ErrNotExist] if the folder has no
// manifest.
func ReadFolder(folder string) (Manifest, error) {
	fail := func(err error) (Manifest, error) {
		return Manifest{}, fmt.Errorf("incident: read folder %s: %w", folder, err)
	}
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return fail(err)
	}
	defer dir.Close()
	m, err := readManifestFile(dir)
	if err != nil {
		return fail(err)
	}
	c, err := layout.Scan(dir)
	if err != nil {
		return fail(err)
	}
	m.reconcile(c)
	if m.Headline == "" {
		m.Headline = readHeadline(dir)
	}
	return m, nil
}

func readManifestFile(dir *os.Root) (Manifest, error) {
	f, err := confined.OpenRegular(dir, layout.ManifestName, os.O_RDONLY)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	return ReadManifest(f)
}

// reconcile sets Artefacts to the files on disk, and warns where the manifest
// differs. The manifest is written after the files, so it may lag behind them.
func (m *Manifest) reconcile(c layout.Contents) {
	onDisk := make(map[string]fs.FileInfo, len(c.Files))
	for _, fi := range c.Files {
		onDisk[fi.Name()] = fi
	}
	if c.More > 0 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("ignored all but %d files of the folder: this library writes no more", len(c.Files)))
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
			if !layout.IsReport(a.Name) {
				m.Warnings = append(m.Warnings, fmt.Sprintf("%s has %d bytes, but the manifest says %d: it was replaced later", a.Name, fi.Size(), a.Size))
			}
			a = newArtefact(a.Name, fi.Size(), "", fi.ModTime().UTC())
		}
		kept = append(kept, a)
	}
	for _, fi := range c.Files {
		if _, unlisted := onDisk[fi.Name()]; !unlisted {
			continue
		}
		if !m.CutShort && !layout.IsReport(fi.Name()) { // reports are written last
			m.Warnings = append(m.Warnings, fi.Name()+" was written after the manifest")
		}
		kept = append(kept, newArtefact(fi.Name(), fi.Size(), "", fi.ModTime().UTC()))
	}
	m.Artefacts = kept
}
