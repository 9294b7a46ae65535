package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile/incident"
)

// Incident is one incident as its folder describes it.
type Incident struct {
	Manifest incident.Manifest
	Folder   string
	// Headline is the report's first line, or "" without a report.
	Headline string
	// Suspect is the function that the report names first, or "" if it names none.
	Suspect string
	// Files are the profiles, the goroutine dump and the reports, in the order in
	// which they were written.
	Files []incident.Artefact
}

// ErrNoEvidence is returned for an incident that has nothing on disk.
var ErrNoEvidence = errors.New("no evidence on disk")

// Read reads the incident of an event. It waits for the report up to the timeout,
// or until ctx is done. The error is ErrNoEvidence if nothing is on disk.
func Read(ctx context.Context, e guard.Event, timeout time.Duration) (Incident, error) {
	in := Incident{Folder: e.Incident.Folder}
	if in.Folder == "" || len(e.Incident.Artefacts) == 0 {
		return Incident{}, ErrNoEvidence
	}
	wait, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e.AwaitReport(wait)
	var err error
	in.Manifest, err = incident.ReadFolder(in.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return Incident{}, ErrNoEvidence // removed, to make room for others
	}
	if err != nil {
		return Incident{}, err
	}
	in.Headline, in.Files = in.Manifest.Headline, in.Manifest.Artefacts
	if s, ok := in.Manifest.Suspects.Culprit(); ok {
		in.Suspect = s.Name()
	}
	return in, nil
}

// Key returns what the incident has in common with those of other processes, as a
// path: service/version/rule-suspect-hash. It contains only letters, digits, '.',
// '_', '-' and '/'.
func (in *Incident) Key() string {
	m := &in.Manifest
	sum := sha256.Sum256([]byte(strings.Join([]string{m.Process.Service, m.Process.Version, m.Rule, in.Suspect}, "\x00")))
	name := m.Rule
	if in.Suspect != "" {
		name += "-" + plain(in.Suspect)
	}
	return plain(m.Process.Service) + "/" + plain(m.Process.Version) + "/" + name + "-" + hex.EncodeToString(sum[:4])
}

// mostPlain bounds one element of a key. Object stores allow 1,024 bytes in all.
const mostPlain = 64

// plain makes a text safe as a path element anywhere.
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
