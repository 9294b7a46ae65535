package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile/incident"
)

// AdoptBaseline makes a profile of an incident a baseline for later ones, taken at
// that time, when there were that many goroutines. It thins the ladder like
// [Store.WriteBaseline]. The file is linked, not copied: on a file system without
// links it fails.
func (s *Store) AdoptBaseline(f *Folder, a incident.Artefact, at time.Time, goroutines int64) (BaselineFile, error) {
	fail := func(err error) (BaselineFile, error) {
		return BaselineFile{}, fmt.Errorf("store: make %s of incident %s a baseline: %w", a.Name, f.id, err)
	}
	if a.Kind == nil {
		return fail(errors.New("not a profile"))
	}
	if a.Size > s.maxBytes/baselineShare {
		return fail(confined.ErrTooLarge)
	}
	l, root, err := s.ladderFor(*a.Kind, at)
	if err != nil {
		return fail(err)
	}
	dir, err := l.open(root)
	if err != nil {
		return fail(err)
	}
	defer dir.Close()
	b := BaselineFile{Kind: *a.Kind, Taken: at, Size: a.Size, SHA256: a.SHA256, Goroutines: goroutines,
		path: l.path(layout.BaselineName(a.Kind.String(), at))}
	if err := link(root, f.id+"/"+a.Name, b.path, l.path(s.tempName())); err != nil {
		return fail(err)
	}
	return b, s.keepRung(dir, b)
}
