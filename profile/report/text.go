package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/leakguard/leakguard/internal/words"
)

// The longest name, sentence and command in the text, in bytes.
const (
	textName     = 100
	textSentence = 320
	textCommand  = 1 << 10
)

// WriteText writes the report for a log or a terminal: plain text of at most 8
// KiB, whose first line is the headline. It escapes control characters and ANSI
// sequences in names.
func (r *Report) WriteText(w io.Writer) error {
	head := words.Clean(r.Headline, 2*textSentence) + "\n"
	parts, note := fit(r.sections(), maxReportText-len(head), []int{10, 5, 3, 1}, textSection)
	_, err := io.WriteString(w, head+strings.Join(parts, "")+textNote(note))
	return failedReport("text", err)
}

func textNote(note string) string {
	if note == "" {
		return ""
	}
	return "\n" + note + "\n"
}

func textSection(s section, rows int) string {
	var b strings.Builder
	b.WriteByte('\n')
	if s.title != "" {
		fmt.Fprintf(&b, "%s\n%s\n", s.title, strings.Repeat("-", len(s.title)))
	}
	for _, k := range s.blocks {
		textBlock(&b, k, rows)
	}
	return b.String()
}

func textBlock(b *strings.Builder, k block, rows int) {
	if k.lead != "" {
		fmt.Fprintf(b, "%s\n", words.Clean(k.lead, textSentence))
	}
	for _, f := range k.facts {
		fmt.Fprintf(b, "%-12s %s\n", f.name, words.Clean(f.text, textSentence))
	}
	for i, p := range k.points {
		if i == rows {
			fmt.Fprintf(b, "  %s\n", more(i, len(k.points)))
			break
		}
		fmt.Fprintf(b, "  - %s\n", words.Clean(p, textSentence))
	}
	if k.table != nil {
		textTable(b, k.table, rows)
	}
	if k.chart != nil {
		for _, line := range k.chart.lines() {
			b.WriteString(line + "\n")
		}
	}
	if k.flame != nil {
		for _, line := range k.flame.lines(rows, textName) {
			b.WriteString("  " + line + "\n")
		}
	}
	for i, c := range k.commands {
		if len(c.Line) > textCommand {
			continue // half a command is worse than none
		}
		if i >= rows {
			fmt.Fprintf(b, "  %s\n", more(i, len(k.commands)))
			break
		}
		fmt.Fprintf(b, "  # %s\n  %s\n", words.Printable(c.Purpose), words.Printable(c.Line))
	}
}

// textTable writes columns of equal width.
func textTable(b *strings.Builder, t *table, rows int) {
	shown := t.rows[:min(len(t.rows), rows)]
	cell := func(row []string, i int) string {
		if i >= len(row) {
			return ""
		}
		if i == len(t.head)-1 {
			return words.Clean(row[i], textSentence)
		}
		return words.Clean(row[i], textName)
	}
	width := make([]int, len(t.head))
	for i, c := range t.head {
		width[i] = utf8.RuneCountInString(c.name)
		for _, row := range shown {
			width[i] = max(width[i], utf8.RuneCountInString(cell(row, i)))
		}
	}
	write := func(cellOf func(int) string) {
		var line strings.Builder
		for i, c := range t.head {
			text := cellOf(i)
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if c.number {
				line.WriteString("  " + pad + text)
			} else {
				line.WriteString("  " + text + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	write(func(i int) string { return t.head[i].name })
	for _, row := range shown {
		write(func(i int) string { return cell(row, i) })
	}
	if m := more(len(shown), len(t.rows)+t.left); m != "" {
		fmt.Fprintf(b, "  %s\n", m)
	}
}

// lines returns the path of the widest frames, for readers who cannot see the
// graph.
func (f *flame) lines(depth, name int) []string {
	var out []string
	path, above := f.path, 0
	if n := 2 * depth; len(path) > n { // the growth happens at the far end
		above = len(path) - n
		path = path[above:]
	}
	for i, n := range path {
		if i == 0 && above > 0 {
			out = append(out, fmt.Sprintf("… %d frames above", above))
		}
		out = append(out, fmt.Sprintf("%10s %5s  %s", amount(n.Value, f.unit), words.Percent(float64(n.Value)/float64(f.root.Value)), words.Clean(n.Name, name)))
	}
	return out
}
