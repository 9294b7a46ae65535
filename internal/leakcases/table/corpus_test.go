package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The corpus has at least so many cases of each kind, so that none gets lost.
const (
	leastLeaks   = 40
	leastHealthy = 20
)

const corpus = "../cases"

var healthyField = regexp.MustCompile(`\bHealthy:\s+true`)

// Every case has a valid case.txt, and its comment begins with the report that it names.
func TestCorpus(t *testing.T) {
	cases, err := readCases(corpus)
	if err != nil {
		t.Error(err)
	}
	leaks, healthy := 0, 0
	for _, c := range cases {
		if c.healthy {
			healthy++
		} else {
			leaks++
		}
		source, err := os.ReadFile(filepath.Join(corpus, c.name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		comment, _, _ := strings.Cut(string(source), "\npackage main")
		if !strings.Contains(comment, c.report) {
			t.Errorf("%s: the comment of package main does not name %s", c.name, c.report)
		}
		if healthyField.Match(source) != c.healthy {
			t.Errorf("%s: case.txt says healthy %v, main.go something else", c.name, c.healthy)
		}
	}
	if leaks < leastLeaks || healthy < leastHealthy {
		t.Errorf("%d leaks and %d healthy cases, want at least %d and %d", leaks, healthy, leastLeaks, leastHealthy)
	}
}

// A folder without a case.txt is no case that is silently left out.
func TestReadCasesMissesNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "forgotten"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "forgotten", "main.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readCases(dir); err == nil || !strings.Contains(err.Error(), "forgotten") {
		t.Errorf("error %v, want one about the folder without case.txt", err)
	}
}

// The list of CI names cases that exist, at most one way each.
func TestListOfCI(t *testing.T) {
	cases, err := readCases(corpus)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Log("no cases yet")
		return
	}
	jobs, err := readList("../ci.txt", cases)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, j := range jobs {
		if seen[j.name] {
			t.Errorf("%s stands there twice", j.name)
		}
		seen[j.name] = true
	}
	if len(jobs) != 6 {
		t.Errorf("%d cases, want six", len(jobs))
	}
}
