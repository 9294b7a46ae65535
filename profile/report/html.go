package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/leakguard/leakguard/internal/webassets"
	"github.com/leakguard/leakguard/internal/words"
)

const (
	htmlName     = 400
	htmlSentence = 2000
	htmlCommand  = 8 << 10
	// roomForData is the part of the limit for the charts' data.
	roomForData = 640 << 10
)

// WriteHTML writes the report as one self-contained page of at most 1.5 MiB.
// Its styles, scripts and data are inline, and its content security policy
// forbids everything else, above all network access. The page can be read
// without scripts; scripts add a zoomable memory chart and a flame graph of the
// growth.
func (r *Report) WriteHTML(w io.Writer) error {
	sections := r.sections()
	data, err := r.data(sections)
	if err != nil {
		return failedReport("HTML", err)
	}
	scripts, err := pageScripts()
	if err != nil {
		return failedReport("HTML", err)
	}
	css := pageCSS()
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	fmt.Fprintf(&b, `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src%s; style-src %s; img-src data:; base-uri 'none'; form-action 'none'">`+"\n",
		hashes(scripts), strings.TrimSpace(hashes([]string{css})))
	b.WriteString(`<meta name="viewport" content="width=device-width, initial-scale=1">` + "\n" +
		`<meta name="color-scheme" content="light dark">` + "\n<link rel=\"icon\" href=\"data:,\">\n")
	headline := escape(r.Headline, htmlSentence)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", headline, css)
	fmt.Fprintf(&b, "<header>\n<p class=\"brand\">leakguard report</p>\n<h1>%s</h1>\n", headline)

	tail := "</main>\n"
	if data != "" {
		tail += fmt.Sprintf("<script type=\"application/json\" id=\"data\">%s</script>\n", data)
	}
	for _, s := range scripts {
		tail += "<script>" + s + "</script>\n"
	}
	tail += fmt.Sprintf("<script type=\"text/plain\" id=\"notice\">\n%s</script>\n</body>\n</html>\n", webassets.Notice)

	parts, note := fit(sections, maxReportHTML-b.Len()-len(tail), []int{2 * maxRows, maxRows, 6, 1}, htmlSection)
	for _, p := range parts {
		b.WriteString(p)
	}
	if note != "" {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", html.EscapeString(note))
	}
	b.WriteString(tail)
	_, err = io.WriteString(w, b.String())
	return failedReport("HTML", err)
}

// hashes returns the hashes of contents for a content security policy.
func hashes(contents []string) string {
	var b strings.Builder
	for _, c := range contents {
		sum := sha256.Sum256([]byte(c))
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return b.String()
}

// escape turns any string into safe HTML text. It cuts it to most bytes first.
func escape(s string, most int) string { return html.EscapeString(words.Clean(s, most)) }

func htmlSection(s section, rows int) string {
	var b strings.Builder
	if s.id == "summary" { // it belongs to the headline
		for _, k := range s.blocks {
			htmlBlock(&b, k, rows)
		}
		return b.String() + "</header>\n"
	}
	folded := len(s.blocks) > 0 && s.blocks[0].folded
	fmt.Fprintf(&b, "<section id=\"%s\">\n", s.id)
	if folded {
		fmt.Fprintf(&b, "<details><summary><h2>%s</h2></summary>\n", s.title)
	} else {
		fmt.Fprintf(&b, "<h2>%s</h2>\n", s.title)
	}
	for _, k := range s.blocks {
		htmlBlock(&b, k, rows)
	}
	if folded {
		b.WriteString("</details>\n")
	}
	b.WriteString("</section>\n")
	return b.String()
}

func htmlBlock(b *strings.Builder, k block, rows int) {
	if k.lead != "" {
		fmt.Fprintf(b, "<p>%s</p>\n", escape(k.lead, htmlSentence))
	}
	if len(k.facts) > 0 {
		b.WriteString("<dl>\n")
		for _, f := range k.facts {
			text := escape(f.text, htmlSentence)
			if f.code {
				text = "<code>" + text + "</code>"
			}
			if f.share != "" {
				text = bar(f.share) + " " + text
			}
			fmt.Fprintf(b, "<div><dt>%s</dt><dd>%s</dd></div>\n", f.name, text)
		}
		b.WriteString("</dl>\n")
	}
	if len(k.points) > 0 {
		b.WriteString("<ul>\n")
		for i, p := range k.points {
			if i == rows {
				fmt.Fprintf(b, "<li>%s</li>\n", more(i, len(k.points)))
				break
			}
			fmt.Fprintf(b, "<li>%s</li>\n", escape(p, htmlSentence))
		}
		b.WriteString("</ul>\n")
	}
	if k.table != nil {
		htmlTable(b, k.table, rows)
	}
	if k.chart != nil {
		fmt.Fprintf(b, "<p>%s.</p>\n<div id=\"chart\" role=\"img\" aria-label=\"%[1]s\"></div>\n", escape(k.chart.sentence(), htmlSentence))
		fmt.Fprintf(b, "<details class=\"alternative\" open><summary>The chart as text</summary><pre>%s</pre></details>\n", html.EscapeString(strings.Join(k.chart.lines(), "\n")))
	}
	if k.flame != nil {
		htmlFlame(b, k.flame)
	}
	if len(k.commands) > 0 {
		b.WriteString("<dl class=\"commands\">\n")
		for i, c := range k.commands {
			if len(c.Line) > htmlCommand {
				continue // half a command is worse than none
			}
			if i >= rows {
				break
			}
			fmt.Fprintf(b, "<div><dt>%s</dt><dd><code tabindex=\"0\">%s</code></dd></div>\n", escape(c.Purpose, htmlSentence), escape(c.Line, htmlCommand))
		}
		b.WriteString("</dl>\n")
	}
}

func htmlTable(b *strings.Builder, t *table, rows int) {
	class := ""
	if t.prose {
		class = " class=\"prose\""
	}
	fmt.Fprintf(b, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\"><table%s>\n<thead><tr>", class)
	for _, c := range t.head {
		if c.drawn {
			continue
		}
		fmt.Fprintf(b, "<th scope=\"col\"%s>%s</th>", htmlClass(c), c.name)
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	shown := t.rows[:min(len(t.rows), rows)]
	for _, row := range shown {
		b.WriteString("<tr>")
		for i, c := range t.head {
			if c.drawn {
				continue
			}
			text := ""
			if i < len(row) {
				text = escape(row[i], htmlName)
			}
			switch {
			case c.bar:
				text = bar(row[i]) + " " + text
			case c.code && text != "":
				text = "<code>" + text + "</code>"
			}
			fmt.Fprintf(b, "<td%s data-name=\"%s\">%s</td>", htmlClass(c), c.name, text)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></div>\n")
	if m := more(len(shown), len(t.rows)+t.left); m != "" {
		fmt.Fprintf(b, "<p class=\"note\">%s</p>\n", m)
	}
}

// bar draws a percentage.
func bar(percent string) string {
	return fmt.Sprintf("<meter min=\"0\" max=\"100\" value=\"%s\" aria-hidden=\"true\"></meter>", html.EscapeString(strings.Trim(percent, "<%")))
}

func htmlClass(c column) string {
	switch {
	case c.number:
		return ` class="number"`
	case c.code:
		return ` class="code"`
	}
	return ""
}

func htmlFlame(b *strings.Builder, f *flame) {
	b.WriteString("<div id=\"flame-tools\" hidden><button type=\"button\" id=\"flame-reset\">Reset zoom</button> " +
		"<span id=\"flame-details\" role=\"status\"></span></div>\n<div id=\"flame-graph\"></div>\n")
	if note := f.note(); note != "" {
		fmt.Fprintf(b, "<p class=\"note\">%s</p>\n", note)
	}
	b.WriteString("<details class=\"alternative\" open><summary>The widest path as text</summary><pre>")
	b.WriteString(html.EscapeString(strings.Join(f.lines(maxRows, htmlName), "\n")))
	b.WriteString("</pre></details>\n")
}
