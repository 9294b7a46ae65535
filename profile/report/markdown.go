package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/leakguard/leakguard/internal/words"
)

const (
	markdownName     = 160
	markdownSentence = 600
	markdownCommand  = 2 << 10
)

// WriteMarkdown writes the report for an issue tracker: GitHub Flavored
// Markdown of at most 32 KiB, with the headline as its heading. Names cannot
// break out of it: they are escaped or in code spans, and mention nobody.
func (r *Report) WriteMarkdown(w io.Writer) error {
	head := "## " + markdownText(words.CutMiddle(r.Headline, markdownSentence)) + "\n"
	parts, note := fit(r.sections(), maxReportMarkdown-len(head), []int{maxRows, 12, 6, 3, 1}, markdownSection)
	if note != "" {
		note = "\n_" + markdownText(note) + "_\n"
	}
	_, err := io.WriteString(w, head+strings.Join(parts, "")+note)
	return failedReport("Markdown", err)
}

func markdownSection(s section, rows int) string {
	var b strings.Builder
	folded := len(s.blocks) > 0 && s.blocks[0].folded
	switch {
	case folded:
		fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n", s.title)
	case s.title != "":
		fmt.Fprintf(&b, "\n### %s\n", s.title)
	}
	for _, k := range s.blocks {
		markdownBlock(&b, k, rows)
	}
	if folded {
		b.WriteString("\n</details>\n")
	}
	return b.String()
}

func markdownBlock(b *strings.Builder, k block, rows int) {
	if k.lead != "" {
		fmt.Fprintf(b, "\n%s\n", markdownLine(words.CutMiddle(k.lead, markdownSentence)))
	}
	if len(k.facts) > 0 || len(k.points) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range k.facts {
		text := words.CutMiddle(f.text, markdownSentence)
		if f.code {
			text = markdownCode(text)
		} else {
			text = markdownText(text)
		}
		fmt.Fprintf(b, "- **%s:** %s\n", f.name, text)
	}
	for i, p := range k.points {
		if i == rows {
			fmt.Fprintf(b, "- %s\n", more(i, len(k.points)))
			break
		}
		fmt.Fprintf(b, "- %s\n", markdownLine(words.CutMiddle(p, markdownSentence)))
	}
	if k.table != nil {
		markdownTable(b, k.table, rows)
	}
	if k.chart != nil {
		fmt.Fprintf(b, "\n%s.\n\n", k.chart.sentence())
		markdownFence(b, "text", k.chart.lines())
	}
	if k.flame != nil {
		b.WriteString("\n")
		markdownFence(b, "text", k.flame.lines(rows, markdownName))
	}
	var lines []string
	for i, c := range k.commands {
		if len(c.Line) > markdownCommand {
			continue // half a command is worse than none
		}
		if i >= rows {
			lines = append(lines, "# "+more(i, len(k.commands)))
			break
		}
		lines = append(lines, "# "+words.Printable(c.Purpose), words.Printable(c.Line))
	}
	if len(lines) > 0 {
		b.WriteString("\n")
		markdownFence(b, "sh", lines)
	}
}

func markdownTable(b *strings.Builder, t *table, rows int) {
	b.WriteString("\n|")
	for _, c := range t.head {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|")
	for _, c := range t.head {
		if c.number {
			b.WriteString(" ---: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	b.WriteByte('\n')
	shown := t.rows[:min(len(t.rows), rows)]
	for _, row := range shown {
		b.WriteByte('|')
		for i, c := range t.head {
			text := ""
			if i < len(row) {
				text = words.CutMiddle(row[i], markdownName)
			}
			if c.code {
				text = markdownCode(text)
			} else {
				text = markdownText(text)
			}
			if strings.HasPrefix(text, "`") {
				// In GFM a pipe ends the cell, even within code.
				text = strings.ReplaceAll(text, "|", `\|`)
			}
			b.WriteString(" " + text + " |")
		}
		b.WriteByte('\n')
	}
	if m := more(len(shown), len(t.rows)+t.left); m != "" {
		fmt.Fprintf(b, "\n%s\n", m)
	}
}

// markdownFence writes lines as a code block, with a fence that no line can
// close.
func markdownFence(b *strings.Builder, language string, lines []string) {
	fence := strings.Repeat("`", max(3, longestRun(strings.Join(lines, "\n"))+1))
	fmt.Fprintf(b, "%s%s\n", fence, language)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	b.WriteString(fence + "\n")
}

// markdownCode returns a code span that its content cannot close.
func markdownCode(s string) string {
	s = words.Printable(s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	if len(fence) > 1 || s[0] == '`' {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// markdownText returns Markdown that shows s literally. Text that trackers turn
// into a mention, a reference or a link without any markup becomes code.
func markdownText(s string) string {
	s = words.Printable(s)
	if strings.ContainsAny(s, "@#") || strings.Contains(s, "://") || strings.Contains(strings.ToLower(s), "www.") {
		return markdownCode(s)
	}
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune("\\`*_[]<>|~&$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// markdownLine is like markdownText, and also starts no list or heading.
func markdownLine(s string) string {
	s = markdownText(s)
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits == len(s) {
		return s
	}
	switch c := s[digits]; {
	case digits == 0 && strings.IndexByte("-+=", c) >= 0, digits > 0 && (c == '.' || c == ')'):
		return s[:digits] + `\` + s[digits:]
	}
	return s
}

// longestRun returns the length of the longest run of backticks.
func longestRun(s string) (longest int) {
	run := 0
	for _, c := range s {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
