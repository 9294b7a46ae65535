package report

import (
	"regexp"
	"strings"
	"testing"
)

func TestMarkdownFence(t *testing.T) {
	var b strings.Builder
	markdownFence(&b, "text", []string{"a", "````", "b"})
	if got, want := b.String(), "`````text\na\n````\nb\n`````\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// checkMarkdown looks for markup outside code. A parser of GitHub's Markdown
// would know all ways out of text; these are the ones that matter.
func checkMarkdown(t *testing.T, md, name string) {
	t.Helper()
	fence := ""
	for _, line := range strings.Split(md, "\n") {
		if fence == "" && strings.HasPrefix(line, "```") {
			fence = line[:len(line)-len(strings.TrimLeft(line, "`"))]
			continue
		}
		if fence != "" {
			if line == fence {
				fence = ""
			}
			continue
		}
		outside := withoutCode(line)
		outside = escaped.ReplaceAllString(outside, "")
		for _, markup := range []string{"<b>", "<img", "<script", "](", "**bold", "@everyone", "https://", "# heading", "`"} {
			if strings.Contains(outside, markup) {
				t.Fatalf("%q of the name %.40q is markup in %.200q", markup, name, line)
			}
		}
		if strings.HasPrefix(line, "|") {
			if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); cells < 3 || cells > 8 {
				t.Errorf("a row of %d cells: %.200q", cells, line)
			}
		}
	}
	if fence != "" {
		t.Error("a block of code is not closed")
	}
}

var escaped = regexp.MustCompile(`\\[[:punct:]]`)

// withoutCode removes code spans from a line: from a run of backticks to the
// next run of the same length.
func withoutCode(line string) string {
	var out strings.Builder
	for line != "" {
		text := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		if text == "" {
			if strings.HasPrefix(line, "\\") && len(line) > 1 {
				text = line[:2]
			} else {
				text = line[:1]
			}
			out.WriteString(text)
			line = line[len(text):]
			continue
		}
		line = line[len(text):]
		for at := 0; ; {
			i := strings.Index(line[at:], text)
			if i < 0 {
				out.WriteString(text)
				break
			}
			run := line[at+i:]
			run = run[:len(run)-len(strings.TrimLeft(run, "`"))]
			at += i + len(run)
			if run == text {
				line = line[at:]
				break
			}
		}
	}
	return out.String()
}
