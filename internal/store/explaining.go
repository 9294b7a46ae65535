package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/layout"
)

// ErrExplanationBroke is returned for an incident whose explanation ended with its
// process.
var ErrExplanationBroke = errors.New("an earlier process died while it explained the incident")

const explainingText = "A process began to explain this incident and died before it had finished.\n" +
	"The next ones leave the incident alone. Remove this file to have it tried again.\n"

// BeginExplanation marks an incident as being explained, until end is called. It fails
// with [ErrExplanationBroke] if a process began and died before it had finished: the
// incident's files may come from somebody else, and what killed one process would kill
// each that follows. A live process holds a lock on its mark.
func (s *Store) BeginExplanation(id string) (end func(), err error) {
	if err := s.ExplanationBroke(id); err != nil {
		return nil, err
	}
	dir, err := s.incidentDir(id)
	if err != nil {
		return nil, fmt.Errorf("store: incident %s: begin to explain: %w", id, err)
	}
	mark, err := dir.OpenFile(layout.ExplainingName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		// Another process explains it, too, or the disk is full. Neither is a reason
		// not to explain.
		return func() { dir.Close() }, nil
	}
	_, _ = filelock.Try(mark)
	_, _ = mark.WriteString(explainingText)
	return func() {
		mark.Close() // Windows cannot remove an open file
		_ = dir.Remove(layout.ExplainingName)
		dir.Close()
	}, nil
}

// ExplanationBroke returns [ErrExplanationBroke] if a process died while it explained the
// incident.
func (s *Store) ExplanationBroke(id string) error {
	dir, err := s.incidentDir(id)
	if err != nil {
		return fmt.Errorf("store: incident %s: look for a broken explanation: %w", id, err)
	}
	defer dir.Close()
	mark, err := confined.OpenRegular(dir, layout.ExplainingName, os.O_RDWR)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("store: incident %s: look for a broken explanation: %w", id, err)
	}
	defer mark.Close()
	if taken, err := filelock.Try(mark); err == nil && !taken {
		return nil // a live process is explaining it
	}
	return fmt.Errorf("store: incident %s: %w", id, ErrExplanationBroke)
}
