package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// Incident is one incident as it lies in its folder.
type Incident struct {
	Manifest incident.Manifest
	Folder   string
	// Headline is the report's first line; "" where there is no report.
	Headline string
	// Suspect is the function that it names first; "" where it names none.
	Suspect string
	// Files are the profiles, the text of goroutines and the reports, in the
	// order in which they were written.
	Files []incident.Artefact
}

// ErrNoEvidence says that an incident has nothing on disk.
var ErrNoEvidence = errors.New("no evidence on disk")

// Read reads the incident of an event, and waits for its report as long as most
// says, or until ctx is done.
func Read(ctx context.Context, e guard.Event, most time.Duration) (Incident, error) {
	in := Incident{Folder: e.Incident.Folder}
	if in.Folder == "" || len(e.Incident.Artefacts) == 0 {
		return Incident{}, ErrNoEvidence
	}
	wait, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	in.Headline = incident.AwaitHeadline(wait, in.Folder)
	in.Suspect = incident.HeadlineFunction(in.Headline)
	var err error
	in.Manifest, err = incident.ReadFolder(in.Folder)
	if errors.Is(err, os.ErrNotExist) {
		return Incident{}, ErrNoEvidence // removed, to make room for others
	}
	if err != nil {
		return Incident{}, err
	}
	in.Files = slices.Clone(in.Manifest.Artefacts)
	for _, name := range []string{incident.ReportHTML, incident.ReportMarkdown, incident.ReportText} {
		// They are on disk a moment before the manifest lists them.
		listed := slices.ContainsFunc(in.Files, func(a incident.Artefact) bool { return a.Name == name })
		if info, err := os.Stat(filepath.Join(in.Folder, name)); err == nil && !listed {
			in.Files = append(in.Files, incident.Artefact{Name: name, Size: info.Size()})
		}
	}
	return in, nil
}

// Key names what the incident has in common with those of other processes, as a
// path: service/version/rule-suspect-hash. It holds letters, digits, '.', '_', '-'
// and '/' only.
func (in *Incident) Key() string {
	m := &in.Manifest
	sum := sha256.Sum256([]byte(strings.Join([]string{m.Process.Service, m.Process.Version, m.Rule, in.Suspect}, "\x00")))
	name := m.Rule
	if in.Suspect != "" {
		name += "-" + plain(in.Suspect)
	}
	return plain(m.Process.Service) + "/" + plain(m.Process.Version) + "/" + name + "-" + hex.EncodeToString(sum[:4])
}

// mostPlain bounds one element of a key: object stores allow 1,024 bytes in all.
const mostPlain = 64

// plain makes a text fit for a path anywhere.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		default:
			return '_'
		}
	}, s)
	s = strings.Trim(s[:min(len(s), mostPlain)], "._") // ".." would leave the folder
	if s == "" {
		return "unknown"
	}
	return s
}
