package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// caseFile is what case.txt says of a case.
type caseFile struct {
	name    string
	report  string // URL of the public report
	healthy bool
	class   string
	// change are the functions that a maintainer would have to change, any of which is
	// right. also are those that may be named beside it: they are half right.
	change, also []string
	notes        []string
}

// class is a word for the kind of leak, or of program that looks like one.
var class = regexp.MustCompile(`^[a-z][a-z-]*$`)

// symbol is a function's name as profiles have it: the path of its package, a dot, and
// the function, a method or a closure.
var symbol = regexp.MustCompile(`^[\w./~%-]+\.(\(\*?\w+(\[[^ ]*\])?\)\.)?[\w.-]+(\[[^ ]*\])?(\.[\w.\[\]-]+)*$`)

// parseCase reads the text of a case.txt: a line 'key: value' for each fact.
func parseCase(name, text string) (caseFile, error) {
	c := caseFile{name: name}
	kind := ""
	single := map[string]*string{"report": &c.report, "kind": &kind, "class": &c.class}
	lists := map[string]*[]string{"change": &c.change, "also": &c.also, "note": &c.notes}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case value == "":
			fault("%q: want 'key: value'", strings.TrimSpace(line))
		case single[key] != nil && *single[key] != "":
			fault("a second line %q", key)
		case single[key] != nil:
			*single[key] = value
		case lists[key] != nil:
			*lists[key] = append(*lists[key], value)
		default:
			fault("unknown key %q: want report, kind, class, change, also or note", key)
		}
	}
	c.healthy = kind == "healthy"
	if u, err := url.Parse(c.report); err != nil || u.Scheme != "https" || u.Host == "" {
		fault("report: %q: want the URL of the public report", c.report)
	}
	if kind != "leak" && kind != "healthy" {
		fault("kind: %q: want leak or healthy", kind)
	}
	if !class.MatchString(c.class) {
		fault("class: %q: want a word in small letters, such as connections", c.class)
	}
	if c.healthy && len(c.change)+len(c.also) > 0 {
		fault("a healthy case names no function")
	}
	if kind == "leak" && len(c.change) == 0 {
		fault("change: want the function that a maintainer would have to change")
	}
	for i, f := range slices.Concat(c.change, c.also) {
		if !symbol.MatchString(f) {
			fault("%q: want the whole name of a function as it stands in a profile, such as net/http.(*Transport).dialConn", f)
		}
		if slices.Index(slices.Concat(c.change, c.also), f) != i {
			fault("%q stands there twice", f)
		}
	}
	if len(faults) > 0 {
		return c, fmt.Errorf("%s: faults in case.txt: %w", name, errors.Join(faults...))
	}
	return c, nil
}

// readCases reads the cases below a folder, in the order of their names.
func readCases(dir string) ([]caseFile, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "main.go"))
	if err != nil {
		return nil, err
	}
	var cases []caseFile
	var faults []error
	for _, f := range files {
		folder := filepath.Dir(f)
		text, err := os.ReadFile(filepath.Join(folder, "case.txt"))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		c, err := parseCase(filepath.Base(folder), string(text))
		faults = append(faults, err)
		cases = append(cases, c)
	}
	return cases, errors.Join(faults...)
}

// half says by a coin to which half of the corpus a case belongs: the first bit of the
// SHA-256 of its name. Reports are tuned on one half, and both are reported.
func (c caseFile) half() string {
	if sha256.Sum256([]byte(c.name))[0]&0x80 == 0 {
		return tuned
	}
	return untouched
}

const (
	tuned     = "tuned"
	untouched = "untouched"
)
