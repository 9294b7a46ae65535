package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	pprofile "github.com/google/pprof/profile"
)

// Explain reads what an incident left and makes a report of it; see [Explain]. A
// file that is missing, damaged or not what its name says is a warning in the
// report. An error is that there is no such incident ([fs.ErrNotExist]), or that
// the store cannot be read.
//
// It reads whole profiles, the newest of each kind and what it is compared with,
// one kind after the other: see [PredictCompare] for what that takes.
func (s *Store) Explain(id string) (*Report, error) {
	m, err := s.Incident(id)
	if err != nil {
		return nil, err
	}
	return explainFiles(m, filepath.Join(s.dir, id), func(name string) (*os.File, error) { return s.Open(id, name) }), nil
}

// ExplainFolder is [Store.Explain] for whoever only reads: it writes nothing, and
// the folder of the incident may be a copy, or another user's. Its last element
// has to be the incident's ID.
func ExplainFolder(dir string) (*Report, error) {
	id := filepath.Base(dir)
	fail := func(err error) (*Report, error) {
		return nil, fmt.Errorf("profile: explain %s: %w", dir, err)
	}
	if !IsIncidentID(id) {
		return fail(fmt.Errorf("%q is no incident's ID: %w", id, fs.ErrNotExist))
	}
	root, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	m, ok := readIncident(root, id)
	if !ok {
		return fail(fmt.Errorf("there is no incident: %w", fs.ErrNotExist))
	}
	folder, err := openDir(root, id)
	if err != nil {
		return fail(err)
	}
	defer folder.Close()
	return explainFiles(m, dir, func(name string) (*os.File, error) { return openRegular(folder, name, os.O_RDONLY) }), nil
}

// EvidenceOf is the evidence of two files that somebody compares, or of one: then
// baseFile is "".
func EvidenceOf(c *Comparison, baseFile, nowFile string) Evidence {
	e := Evidence{BaseFile: baseFile, NowFile: nowFile}
	switch {
	case c == nil:
	case c.Kind == Goroutine:
		e.Goroutine = c
	case c.Kind == GoroutineLeak:
		e.GoroutineLeak = c
	case c.Kind == CPU:
		e.CPU = c
	default:
		e.Heap = c
	}
	return e
}

// incidentFiles reads the files of an incident.
type incidentFiles struct {
	manifest Manifest
	open     func(name string) (*os.File, error)
	warnings []string
}

func explainFiles(m Manifest, folder string, open func(name string) (*os.File, error)) *Report {
	files := &incidentFiles{manifest: m, open: open}
	e := Evidence{Manifest: m, Folder: folder}
	if m.Death != nil {
		return Explain(e)
	}
	e.Heap = files.compare(Heap)
	e.Goroutine = files.compare(Goroutine)
	e.GoroutineLeak = files.compare(GoroutineLeak)
	e.CPU = files.compare(CPU)
	e.Warnings = files.warnings
	return Explain(e)
}

func (f *incidentFiles) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// compare compares the newest profile of a kind with its base. Without a readable
// base all that is there counts as growth; without a readable profile there is
// nothing.
func (f *incidentFiles) compare(kind Kind) *Comparison {
	now, base := newestOf(f.manifest.Artefacts, kind)
	if now == "" {
		if kind == Heap && !aboutIdle(f.manifest) || kind == Goroutine {
			f.warn("there is no %v profile", kind)
		}
		return nil
	}
	p, err := f.read(now)
	if err != nil {
		f.warn("%s cannot be read: %s", now, cause(err))
		return nil
	}
	var b *pprofile.Profile
	if base != "" {
		if b, err = f.read(base); err != nil {
			f.warn("%s cannot be read, so nothing is subtracted from %s: %s", base, now, cause(err))
		}
	}
	c, err := f.compareTo(b, p, kind)
	if err != nil && b != nil {
		f.warn("%s cannot be subtracted from %s: %s", base, now, cause(err))
		c, err = f.compareTo(nil, p, kind)
	}
	if err != nil {
		f.warn("%s cannot be explained: %s", now, cause(err))
		return nil
	}
	if c.Kind != kind && !(c.Kind == Allocs && kind == Heap) {
		f.warn("%s is left out: it is a %v profile", now, c.Kind)
		return nil
	}
	return c
}

func (f *incidentFiles) compareTo(base, now *pprofile.Profile, kind Kind) (*Comparison, error) {
	cfg := CompareConfig{MainModule: f.manifest.Build.Module}
	if kind == Goroutine {
		cfg.Sites = f.manifest.GoroutineSites
		if name := newestText(f.manifest.Artefacts); name != "" {
			text, err := f.open(name)
			if err != nil {
				f.warn("%s cannot be read: %s", name, cause(err))
			} else {
				defer text.Close()
				cfg.GoroutineText = text
			}
		}
	}
	return Compare(base, now, cfg)
}

func (f *incidentFiles) read(name string) (*pprofile.Profile, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	p, err := Read(file)
	return p, errors.Join(err, file.Close())
}

// cause is an error without our own prefix: a sentence around it says the rest.
func cause(err error) string { return strings.TrimPrefix(err.Error(), "profile: ") }
