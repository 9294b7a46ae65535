package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
)

// incidents is a sink that hands over the incidents of which there is evidence,
// or of which it was lost.
type incidents chan guard.Incident

func (incidents) Name() string { return "leaky" }

func (c incidents) Deliver(ctx context.Context, e guard.Event) error {
	if e.Kind != guard.Captured || e.Redelivered { // redelivered: of an earlier run
		return nil
	}
	select {
	case c <- e.Incident:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// first waits for the first incident of which there is evidence.
func (c incidents) first(ctx context.Context) (guard.Incident, error) {
	lost := errors.New("no incident was reported")
	for {
		select {
		case i := <-c:
			if len(i.Artefacts) > 0 {
				return i, nil
			}
			lost = errors.New(i.NotCaptured)
		case <-ctx.Done():
			return guard.Incident{}, errors.Join(lost, ctx.Err())
		}
	}
}

// tell prints where the evidence is and what to type to read it.
func tell(w io.Writer, i guard.Incident) error {
	folder, err := filepath.Abs(i.Folder)
	if err != nil {
		return err
	}
	has := func(kind profile.Kind, variant string) (path string, ok bool) {
		name := profile.FileName(kind, variant, 1)
		return quote(filepath.Join(folder, name)), slices.ContainsFunc(i.Artefacts, func(a profile.Artefact) bool { return a.Name == name })
	}
	fmt.Fprintf(w, "\nEvidence is in %s\nWho leaks is at the top of the first of these:\n\n", folder)
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		now, ok := has(kind, profile.Fresh)
		if !ok {
			now, ok = has(kind, profile.AtCrossing)
		}
		base, compared := has(kind, profile.Base)
		switch {
		case ok && compared:
			fmt.Fprintf(w, "go tool pprof -top -base %s %s\n", base, now)
		case ok:
			fmt.Fprintf(w, "go tool pprof -top %s\n", now)
		}
	}
	return nil
}

// quote makes a path one word for a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`/\:._-+,=@`, r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
