package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// What stripping labels allocates (BenchmarkStripLabels), in bytes: in any case,
	// and for each byte of a compressed profile.
	stripAlways = 1 << 20
	stripCost   = 140
)

// evidence reads an incident's files as they may leave the process.
type evidence struct {
	folder string
	files  []incident.Artefact
	most   int64            // bytes of a file that may be sent
	strip  bool             // labels have to be stripped
	now    incident.Reading // says how much memory is left

	looked, labelled bool // whether the goroutine profiles have labels
	stripped         map[string]*sentry.Attachment
}

func (s *Sink) evidence(e guard.Event) *evidence {
	f := &evidence{
		folder: e.Incident.Folder, files: e.Incident.Artefacts, now: e.Incident.Reading,
		most: s.cfg.MaxAttachment, strip: s.cfg.StripLabels,
	}
	if e.Redelivered { // the reading is of another process
		f.now = incident.NewReading(e.Time)
	}
	return f
}

// check returns why a file is withheld, or nil if it can be sent. Whether a profile can be
// stripped shows only when it has been, so it is kept.
func (f *evidence) check(a incident.Artefact) error {
	if !f.strip {
		file, err := openEvidence(f.folder, a.Name, f.most)
		if err == nil {
			file.Close()
		}
		return err
	}
	file, err := f.load(a)
	if err != nil {
		return err
	}
	if f.stripped == nil {
		f.stripped = make(map[string]*sentry.Attachment)
	}
	f.stripped[a.Name] = file
	return nil
}

// load reads a file. Nothing changes the attachment's bytes afterwards.
func (f *evidence) load(a incident.Artefact) (*sentry.Attachment, error) {
	if file := f.stripped[a.Name]; file != nil {
		delete(f.stripped, a.Name) // so that it is not held until the last one is sent
		return file, nil
	}
	data, err := readEvidence(f.folder, a.Name, f.most)
	if err != nil {
		return nil, err
	}
	switch {
	case !f.strip:
	case a.Kind == nil:
		if f.hasLabels() {
			return nil, errors.New("it may contain labels")
		}
	case !f.roomToStrip(len(data)):
		return nil, errors.New("too little memory is left to strip its labels")
	default:
		if data, _, err = stripLabels(data); err != nil {
			return nil, err
		}
	}
	return &sentry.Attachment{Filename: a.Name, ContentType: contentType(a.Name), Payload: data}, nil
}

// hasLabels reports whether the goroutine profiles have labels, which the reports then
// show. If that cannot be known it reports true. It looks once.
func (f *evidence) hasLabels() bool {
	if f.looked {
		return f.labelled
	}
	f.looked = true
	for _, a := range f.files {
		if a.Kind == nil || *a.Kind != profile.Goroutine && *a.Kind != profile.GoroutineLeak {
			continue
		}
		data, err := readEvidence(f.folder, a.Name, f.most)
		if err != nil || !f.roomToStrip(len(data)) {
			f.labelled = true
			break
		}
		if _, had, err := stripLabels(data); had || err != nil {
			f.labelled = true
			break
		}
	}
	return f.labelled
}

// roomToStrip reports whether stripping the labels of a file of this size takes no more
// than a quarter of the memory that is left.
func (f *evidence) roomToStrip(size int) bool {
	if !f.now.Limit.Known() || !f.now.Unreclaimable.Known() {
		return true
	}
	return stripAlways+int64(size)*stripCost <= int64(f.now.Limit-f.now.Unreclaimable)/4
}

// openEvidence opens a file in an incident's folder, and never one outside of it.
func openEvidence(folder, name string, most int64) (*os.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("not readable: %w", err)
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("not readable: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, errors.New("not a regular file")
	}
	if info.Size() > most {
		return nil, fmt.Errorf("larger than %v", profile.Bytes(most))
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("not readable: %w", err)
	}
	return f, nil
}

// readEvidence reads a file in an incident's folder.
func readEvidence(folder, name string, most int64) ([]byte, error) {
	f, err := openEvidence(folder, name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("not readable: %w", err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("larger than %v", profile.Bytes(most))
	}
	return data, nil
}

func contentType(name string) string {
	switch filepath.Ext(name) {
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".gz":
		return "application/gzip"
	}
	return "application/octet-stream"
}

// waitForReport waits until an incident has a report and returns the incident with it, or
// as it is if the report does not come in time.
func waitForReport(ctx context.Context, e guard.Event, most time.Duration) guard.Incident {
	i := e.Incident
	if i.Folder == "" || len(i.Artefacts) == 0 || byHand(i) {
		most = 0
	}
	if r := i.Reading; r.Limit.Known() && r.Unreclaimable > r.Limit/4*3 {
		most /= 4
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return e.AwaitReport(ctx)
}
