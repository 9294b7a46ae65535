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
