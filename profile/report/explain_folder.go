package report

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	pprofile "github.com/google/pprof/profile"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// ExplainFolder reads the incident in the folder dir and makes a report of it;
// see [Explain]. It never writes, so the folder may be a copy or belong to
// another user. The last element of dir must be the incident's ID. A file that
// is missing, damaged or of the wrong kind becomes a warning in the report. The
// error wraps [fs.ErrNotExist] if there is no such incident; any other error
// means that it cannot be read.
//
// ExplainFolder reads whole profiles: for each kind in turn the newest one and
// its baseline, and then those between them, one after the other. It allocates up to
// 128 times the compressed size of such a pair that this library wrote. A profile that
// somebody else made can take up to 2 GiB: as much as [profile.Read] accepts, and a
// comparison of that.
func ExplainFolder(dir string) (*Report, error) {
	id := filepath.Base(dir)
	fail := func(err error) (*Report, error) {
		return nil, fmt.Errorf("report: explain %s: %w", dir, err)
	}
	if !incident.IsID(id) {
		return fail(fmt.Errorf("%q is not the ID of an incident: %w", id, fs.ErrNotExist))
	}
	reader, err := incident.OpenStore(filepath.Dir(dir))
	if err != nil {
		return fail(err)
	}
	m, err := reader.Incident(id)
	if err != nil {
		return fail(err)
	}
	return explainFiles(m, dir, func(name string) (*os.File, error) { return reader.Open(id, name) }), nil
}

// InputOf returns the input for a report on two files that are compared, or on
// one file if baseFile is "".
func InputOf(c *diff.Comparison, baseFile, nowFile string) Input {
	e := Input{BaseFile: baseFile, NowFile: nowFile}
	switch {
	case c == nil:
	case c.Kind == profile.Goroutine:
		e.Goroutine = c
	case c.Kind == profile.GoroutineLeak:
		e.GoroutineLeak = c
	case c.Kind == profile.CPU:
		e.CPU = c
	default:
		e.Heap = c
	}
	return e
}

// incidentFiles reads the files of an incident and collects warnings.
type incidentFiles struct {
	manifest incident.Manifest
	open     func(name string) (*os.File, error)
	warnings []string
}

func explainFiles(m incident.Manifest, folder string, open func(name string) (*os.File, error)) *Report {
	files := &incidentFiles{manifest: m, open: open}
	e := Input{Manifest: m, Folder: folder}
	if m.Death != nil {
		return Explain(e)
	}
	e.Heap = files.compare(profile.Heap)
	e.Goroutine = files.compare(profile.Goroutine)
	e.GoroutineLeak = files.compare(profile.GoroutineLeak)
	e.CPU = files.compare(profile.CPU)
	e.Warnings = files.warnings
	return Explain(e)
}

func (f *incidentFiles) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// compare compares the newest profile of a kind with its baseline. Without a
// readable baseline everything counts as growth. It returns nil without a
// readable profile.
func (f *incidentFiles) compare(kind profile.Kind) *diff.Comparison {
	now, base, between := comparable(f.manifest.Artefacts, kind)
	if now == "" {
		if kind == profile.Heap && !aboutIdle(f.manifest) || kind == profile.Goroutine {
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
			f.warn("%s cannot be read, so %s has no baseline: %s", base, now, cause(err))
		}
	}
	c, err := f.compareTo(b, p, kind, between)
	if err != nil && b != nil {
		f.warn("%s cannot be the baseline of %s: %s", base, now, cause(err))
		c, err = f.compareTo(nil, p, kind, between)
	}
	if err != nil {
		f.warn("%s cannot be analysed: %s", now, cause(err))
		return nil
	}
	if c.Kind != kind && !(c.Kind == profile.Allocs && kind == profile.Heap) {
		f.warn("ignored %s: it is a %v profile", now, c.Kind)
		return nil
	}
	return c
}

func (f *incidentFiles) compareTo(base, now *pprofile.Profile, kind profile.Kind, between []string) (*diff.Comparison, error) {
	cfg := diff.Config{MainModule: f.manifest.Build.Module, Rungs: f.each(between)}
	if kind == profile.Goroutine {
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
	return diff.Compare(base, now, cfg)
}

// each reads profiles one after the other. One that cannot be read is left out: it only
// adds to the evidence.
func (f *incidentFiles) each(names []string) iter.Seq[*pprofile.Profile] {
	return func(yield func(*pprofile.Profile) bool) {
		for _, name := range names {
			if p, err := f.read(name); err == nil && !yield(p) {
				return
			}
		}
	}
}

func (f *incidentFiles) read(name string) (*pprofile.Profile, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	p, err := profile.Read(file)
	return p, errors.Join(err, file.Close())
}

// cause returns an error without our own prefix, for use within a sentence.
func cause(err error) string { return strings.TrimPrefix(err.Error(), "report: ") }
