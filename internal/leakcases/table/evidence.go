package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/profile/report"
)

// linesIn returns the first lines of the reports in a guard's folder, the oldest first.
func (r runner) linesIn(dir string) ([]line, error) {
	list, err := incidentsIn(dir)
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, m := range list {
		if r.again && len(m.Artefacts) > 0 {
			explained, err := report.ExplainFolder(filepath.Join(dir, m.ID))
			if err != nil {
				return nil, err
			}
			m.Headline, m.Suspects = explained.Headline, explained.Suspects
		}
		if m.Headline != "" {
			lines = append(lines, lineOf(m.Headline, m.Suspects))
		}
	}
	return lines, nil
}

func incidentsIn(dir string) ([]incident.Manifest, error) {
	store, err := incident.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	return store.Incidents()
}

// leakreportLine gives two manual captures in dir to the command leakreport, once with their heap
// profiles and once with those of goroutines. The line that counts is the more confident
// one. The suspects come from the packages that the command consists of, since the command
// prints sentences; its first line must be the same.
func leakreportLine(ctx context.Context, leakreport, dir string) (line, error) {
	list, err := incidentsIn(dir)
	if err != nil {
		return line{}, err
	}
	if len(list) != 2 {
		return line{}, fmt.Errorf("%s has %d captures, want two", dir, len(list))
	}
	var lines []line
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		before, after := profileOf(list[0], dir, kind), profileOf(list[1], dir, kind)
		if before == "" || after == "" {
			continue
		}
		l, err := compare(before, after)
		if err != nil {
			return line{}, err
		}
		text, err := exec.CommandContext(ctx, leakreport, before, after).Output()
		if err != nil {
			return line{}, fmt.Errorf("leakreport %s %s: %w", before, after, err)
		}
		if first, _, _ := strings.Cut(string(text), "\n"); first != l.Headline {
			return line{}, fmt.Errorf("leakreport says %q, want %q", first, l.Headline)
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return line{}, fmt.Errorf("the captures in %s have no profile in common", dir)
	}
	return pick(true, lines), nil
}

// compare does what leakreport does with two files.
func compare(before, after string) (line, error) {
	b, err := profile.ReadFile(before)
	if err != nil {
		return line{}, err
	}
	a, err := profile.ReadFile(after)
	if err != nil {
		return line{}, err
	}
	c, err := diff.Compare(b, a, diff.Config{})
	if err != nil {
		return line{}, err
	}
	r := report.Explain(report.InputOf(c, before, after))
	return lineOf(r.Headline, r.Suspects), nil
}

// profileOf returns the path of the incident's best profile of a kind: one made after a
// forced GC cycle, or else the one of the moment; "" if there is none.
func profileOf(m incident.Manifest, dir string, kind profile.Kind) string {
	best := ""
	for _, a := range m.Artefacts {
		k, variant, _, ok := incident.ParseFileName(a.Name)
		if ok && k == kind && variant != incident.VariantBase && (best == "" || variant == incident.VariantFresh) {
			best = a.Name
		}
	}
	if best == "" {
		return ""
	}
	return filepath.Join(dir, m.ID, best)
}
