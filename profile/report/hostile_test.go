package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// evil lists names that try to break out of what they are written into.
var evil = []string{
	"</script><script>alert(1)</script>",
	`"><img src=x onerror=alert(1)>`,
	"pipe|pipe` ``` ~~~ **bold** [link](http://example.com) <b>",
	"\x1b[31mred\x1b[0m\x07\x9b31m",
	"line\nbreak\r\n# heading\n- item",
	"right-to-left \u202e gnp.exe \u2066 \u200b",
	"not UTF-8 \xff\xfe\x80",
	"@everyone #1 https://example.com www.example.com",
	"&lt;b&gt; &amp;",
	"]]> --> <!-- ${x} {{x}}",
	"",
	"\x00",
}

// hostile is evidence in which every text is s and every list has n entries.
func hostile(s string, n int) Input {
	f := profile.Frame{Function: s, File: s, Line: -1, Package: s, Module: s}
	c := func(kind profile.Kind, unit profile.Unit) *diff.Comparison {
		c := &diff.Comparison{Kind: kind, Unit: unit, HasBase: true, BaseTime: noon, NowTime: noon.Add(-time.Hour), Total: incident.Change{Before: -1 << 62, After: 1 << 62}}
		root := &diff.FlameNode{Name: s, Value: 1 << 40}
		at := root
		for i := range n {
			g := diff.Row{Frame: f, Value: incident.Change{Before: int64(-i), After: 1 << 62}, Share: 1 / float64(i)}
			c.Sites, c.Modules = append(c.Sites, g), append(c.Modules, g)
			c.Goroutines = append(c.Goroutines, diff.GoroutineGroup{Wait: s, Blocked: f, Root: f, Labels: s, Count: incident.Change{Before: 0, After: 5}, Standing: 1 << 62})
			c.Suspects = append(c.Suspects, incident.Suspect{Kind: kind, Frame: f, Wait: s, Value: incident.Change{Before: 0, After: int64(i)}, Unit: unit, Share: 0.5, Confidence: 0.8, Reasons: []string{s, s, s, s, s, s, s, s, s, s}})
			c.Warnings = append(c.Warnings, s+fmt.Sprint(i))
			child := &diff.FlameNode{Name: s, Value: 1<<40 - int64(i)}
			at.Children = append(at.Children, child, &diff.FlameNode{Name: s, Value: 1}, nil)
			if i%2 == 0 {
				at = child
			}
		}
		c.Flame = root
		return c
	}
	m := incident.Manifest{ID: s, Rule: s, Trigger: incident.Trigger(s), Reason: s, Opened: noon, Peak: -5, Unit: profile.Unit(s), Warnings: []string{s},
		Build:   incident.Build{GoVersion: s, Path: s, Module: s, Version: s, Revision: s, Modified: true, OS: s, Arch: s},
		Process: incident.Process{Service: s, Version: s, Host: s, Pod: s, PID: -1, Started: noon, GOMAXPROCS: -1}}
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Minute)
		m.History = append(m.History, incident.HistoryPoint{Time: at, Memory: profile.Bytes(i) << 40, LiveHeap: profile.Bytes(-i), Goroutines: profile.Count(i)})
		m.Decisions = append(m.Decisions, incident.Decision{Time: at, Text: s})
		m.Limits = append(m.Limits, incident.MemoryLimit{Source: s, Path: s, Bytes: profile.Bytes(i)})
		m.Trends = append(m.Trends, incident.Trend{Signal: s, Unit: profile.Unit(s), State: incident.TrendState(s), Slope: 1e300, Since: at, LimitSoonest: 1 << 62})
		m.Captures = append(m.Captures, incident.CaptureRecord{Seq: i, Time: at, Steps: []incident.CaptureStep{{Kind: profile.Kind(i + 1), File: s, Outcome: incident.Outcome(s), Reason: s}, {Outcome: incident.OutcomeSkipped, Reason: s}}})
		m.GoroutineSites = append(m.GoroutineSites, incident.GoroutineSite{Frame: f, Root: s, Wait: s, Count: 3, Leaking: true})
	}
	m.Artefacts = artefacts("heap.pb.gz", "heap-base.pb.gz", "goroutine.txt")
	return Input{Manifest: m, Folder: s, Heap: c(profile.Heap, profile.UnitBytes), Goroutine: c(profile.Goroutine, profile.UnitCount), CPU: c(profile.CPU, profile.UnitNS), Warnings: []string{s}}
}

func render(t *testing.T, e Input) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, form := range forms {
		var b bytes.Buffer
		if err := form.write(Explain(e), &b); err != nil {
			t.Fatal(err)
		}
		if b.Len() > form.most {
			t.Errorf("%s has %d bytes, at most %d are allowed", form.ext, b.Len(), form.most)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("%s is not UTF-8", form.ext)
		}
		out[form.ext] = b.String()
	}
	return out
}

func TestReportsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		n    int
	}{
		{"nothing", "", 0},
		{"many rows", "example.com/pkg.Function", 3000},
		{"huge names", strings.Repeat("example.com/very/long/", 5000) + "F", 20},
		{"huge names of characters to escape", strings.Repeat("<&\"'>`|\x00\u202e", 5000), 200},
		{"both", strings.Repeat("\x1b", 400), 1500},
		{"names of many bytes a character", strings.Repeat("界", 5000), 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := render(t, hostile(c.text, c.n))
			if c.n > 1000 && !strings.Contains(out[".txt"], "more\n") {
				t.Error("the text does not say that rows are missing")
			}
			if c.n > 0 {
				for ext, text := range out {
					if !strings.Contains(text, "First suspect") {
						t.Errorf("%s has lost the first suspect", ext)
					}
				}
			}
		})
	}
}

func TestReportsSayWhatTheyLeftOut(t *testing.T) {
	e := hostile(strings.Repeat("example.com/pkg", 30), 300)
	out := render(t, e)
	for _, ext := range []string{".txt", ".md"} {
		if !strings.Contains(out[ext], "Omitted to save space: ") {
			t.Errorf("%s does not say what is left out; it ends with %.300q", ext, out[ext][max(0, len(out[ext])-300):])
		}
	}
	if !strings.Contains(out[".html"], "frames too small to see are omitted") {
		t.Error("the page does not say that frames are missing")
	}
}

// A stack as deep as memory allows is cut rather than followed.
func TestDeepFlame(t *testing.T) {
	root := &diff.FlameNode{Name: "all", Value: 1 << 30}
	at := root
	for range 1_000_000 {
		child := &diff.FlameNode{Name: "f", Value: 1 << 30}
		at.Children = []*diff.FlameNode{child}
		at = child
	}
	e := heapCase()
	e.Heap.Flame = root
	page := render(t, e)[".html"]
	if !strings.Contains(page, "frames too small to see are omitted") {
		t.Error("the page does not say that the stack is cut")
	}
	depth := 0
	for n := checkData(t, page).Flame; n != nil; depth++ {
		if len(n.Children) == 0 {
			break
		}
		n = n.Children[0]
	}
	if depth != maxFlameDepth {
		t.Errorf("%d frames on top of each other are drawn, want %d", depth, maxFlameDepth)
	}
}

// Names that are long, and longer once escaped, cost the graph its smallest
// frames rather than break the page's size limit.
func TestWideFlame(t *testing.T) {
	root := &diff.FlameNode{Name: "all", Value: 1500 << 20}
	for i := range 1500 {
		value := int64(1<<20 - i%10)
		root.Children = append(root.Children, &diff.FlameNode{Name: strings.Repeat("<", 300), Value: value,
			Children: []*diff.FlameNode{{Name: strings.Repeat("&", 300), Value: value}}})
	}
	e := heapCase()
	e.Heap.Flame = root
	d := checkData(t, render(t, e)[".html"])
	if n := len(d.Flame.Children); n < 100 || n > 1000 {
		t.Errorf("%d frames are drawn, want some hundreds", n)
	}
}

func TestMarkdownFence(t *testing.T) {
	var b strings.Builder
	markdownFence(&b, "text", []string{"a", "````", "b"})
	if got, want := b.String(), "`````text\na\n````\nb\n`````\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var tags = regexp.MustCompile(`<(/?)([a-zA-Z]+)`)

func TestReportsEscape(t *testing.T) {
	plain := render(t, hostile("x", 3))
	for _, s := range evil {
		t.Run(fmt.Sprintf("%q", s), func(t *testing.T) {
			out := render(t, hostile(s, 3))
			for _, ext := range []string{".txt", ".md"} {
				for _, c := range out[ext] {
					if c != '\n' && !unicode.IsPrint(c) {
						t.Errorf("%s holds the character %q", ext, c)
						break
					}
				}
			}
			// No name may add an element, in text or in data.
			want, got := tags.FindAllString(plain[".html"], -1), tags.FindAllString(out[".html"], -1)
			for _, elements := range [][]string{want, got} {
				for i, e := range elements {
					elements[i] = strings.ToLower(e)
				}
			}
			if a, b := count(want, "<script", "<img", "<b", "<a"), count(got, "<script", "<img", "<b", "<a"); a != b {
				t.Errorf("the page has %d elements of a kind that a name could bring, want %d", b, a)
			}
			checkData(t, out[".html"])
			checkMarkdown(t, out[".md"], s)
		})
	}
}

func count(list []string, of ...string) (n int) {
	for _, e := range list {
		for _, o := range of {
			if e == o {
				n++
			}
		}
	}
	return n
}

// checkData parses the input of the page's script.
func checkData(t *testing.T, page string) chartData {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<script type="application/json" id="data">`)
	if !ok {
		t.Fatal("the page has no data")
	}
	data, _, _ := strings.Cut(rest, "</script>")
	var d chartData
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		t.Errorf("the page's data is no JSON: %v", err)
	}
	if d.Flame == nil || d.Memory == nil {
		t.Error("the page's data lacks the flame graph or memory")
	}
	return d
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

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"main.f":          "main.f",
		"Größe → 界":       "Größe → 界",
		"\x1b[31m":        `\x1b[31m`,
		"a\tb\nc":         "a b c",
		"\u202egnp":       `\u202egnp`,
		"\xff":            "\ufffd",
		"\U000e0001":      `\U000e0001`,
		"\x9b":            "\ufffd",
		"\u009b31m":       `\u009b31m`,
		"zero\u200bwidth": `zero\u200bwidth`,
	} {
		if got := words.Printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCutMiddle(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"short", 10, "short"},
		{"abcdefghij", 9, "abc…hij"},
		{"界界界界", 9, "界…界"},
		{"abc", 3, "abc"},
		{"abcdef", 0, "…"},
	} {
		if got := words.CutMiddle(c.in, c.most); got != c.want {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

// No name in a foreign profile breaks a rendering.
func FuzzReport(f *testing.F) {
	for _, s := range evil {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		out := render(t, hostile(s, max(0, min(n, 40))))
		for _, c := range out[".txt"] {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("the text holds %q", c)
			}
		}
		if got := strings.Count(strings.ToLower(out[".html"]), "<script"); got > 5 {
			t.Fatalf("%d scripts", got)
		}
	})
}
