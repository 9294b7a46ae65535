package leakguard_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// page is a Markdown file, or a section of one.
type page struct {
	name   string
	prose  string // without blocks of code and comments
	blocks []block
}

// block is a block of code.
type block struct {
	where     string // file:line of its first line
	heading   string // of the section of level 2 that it is in
	language  string
	directive string // the comment on the line before it
	text      string
}

// documentation returns the names of all pages.
func documentation(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
	for _, d := range docs {
		names = append(names, filepath.ToSlash(d))
	}
	return names
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	p := page{name: name}
	var prose strings.Builder
	var open *block
	directive, heading, number := "", "", 0
	for line := range strings.Lines(read(t, name)) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		comment, isComment := strings.CutPrefix(strings.TrimSpace(line), "<!-- ")
		switch {
		case isFence && open == nil:
			open = &block{where: fmt.Sprintf("%s:%d", name, number+1), heading: heading, language: fence, directive: directive}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		case isComment:
			directive = strings.TrimSuffix(comment, " -->")
			continue
		default:
			if title, ok := strings.CutPrefix(line, "## "); ok {
				heading = strings.TrimSpace(title)
			}
			prose.WriteString(line)
		}
		directive = ""
	}
	if open != nil {
		t.Fatalf("%s: a block of code has no end", open.where)
	}
	p.prose = prose.String()
	return p
}

// section returns the part of the page below a heading of level 2.
func (p page) section(t *testing.T, heading string) page {
	t.Helper()
	_, rest, ok := strings.Cut("\n"+p.prose, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", p.name, heading)
	}
	s := page{name: p.name}
	s.prose, _, _ = strings.Cut(rest, "\n## ")
	for _, b := range p.blocks {
		if b.heading == heading {
			s.blocks = append(s.blocks, b)
		}
	}
	return s
}

// code returns the blocks of that language; there is at least one.
func (p page) code(t *testing.T, language string) (blocks []block) {
	t.Helper()
	for _, b := range p.blocks {
		if b.language == language {
			blocks = append(blocks, b)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of %s where one is expected", p.name, language)
	}
	return blocks
}

// firstColumn returns the first cells of the table whose head begins so.
func (p page) firstColumn(t *testing.T, head string) (cells []string) {
	t.Helper()
	_, rows, ok := strings.Cut("\n"+p.prose, "\n| "+head+" |")
	if !ok {
		t.Fatalf("%s has no table of each %s", p.name, head)
	}
	for i, row := range strings.Split(rows, "\n") {
		if i < 2 {
			continue // the rest of the head, and the rule below it
		}
		cell, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		if !ok {
			break
		}
		cells = append(cells, strings.Trim(cell, "`"))
	}
	return cells
}

var (
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	absolute   = regexp.MustCompile(`^[a-z]+:`)
)

// links returns the targets of the page's relative links and pictures.
func (p page) links() (targets []string) {
	for _, m := range linkTarget.FindAllStringSubmatch(inlineCode.ReplaceAllString(p.prose, "code"), -1) {
		if target := m[1] + m[2]; !absolute.MatchString(target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// anchors returns the fragments by which the page's headings can be linked, made
// as GitHub makes them.
func (p page) anchors() (fragments []string) {
	seen := make(map[string]int)
	for line := range strings.Lines(p.prose) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		fragment := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))
		n := seen[fragment]
		seen[fragment]++
		if n > 0 {
			fragment = fmt.Sprintf("%s-%d", fragment, n)
		}
		fragments = append(fragments, fragment)
	}
	return fragments
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}
