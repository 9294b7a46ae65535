package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// The renderings of a report share one content: sections of blocks. They differ
// only in how they write them.

// section is one heading with its blocks.
type section struct {
	id, title string
	// weight decides which sections stay if not all fit: the smallest first.
	weight int
	blocks []block
}

// block is one of: facts, points, a table, a chart, a flame graph, commands.
// The other fields are empty.
type block struct {
	lead     string // a sentence before it
	facts    []fact
	points   []string
	table    *table
	chart    *timeChart
	flame    *flame
	commands []Command
	folded   bool // of secondary interest: HTML and Markdown fold it
}

type fact struct {
	name string
	text string
	code bool // a name from the code
	// share is a percentage that HTML also draws as a bar.
	share string
}

type table struct {
	head []column
	// prose means that a narrow page shows each row as a list, which reads
	// better than a table that scrolls sideways.
	prose bool
	rows  [][]string
	left  int // number of rows that are not in rows
}

type column struct {
	name   string
	number bool // right-aligned
	code   bool // names from the code
	bar    bool // HTML also draws it as a bar
	drawn  bool // a bar of characters, for renderings other than HTML
}

// maxRows is the largest number of rows of a table. A rendering with less room
// takes fewer.
const maxRows = 25

func (r *Report) sections() []section {
	all := []section{
		r.summary(),
		r.death(),
		r.suspect(),
		r.further(),
		r.overTime(),
		r.filling(),
		r.warnings(),
		r.commands(),
		r.trends(),
		r.grew("modules", "Heap by module", 7, r.Heap, func(c *diff.Comparison) ([]diff.Row, int) { return c.Modules, c.Rest.Modules.Rows }, moduleName),
		r.grew("sites", "Heap by place in the code", 9, r.Heap, func(c *diff.Comparison) ([]diff.Row, int) { return c.Sites, c.Rest.Sites.Rows }, r.place),
		r.goroutines(),
		r.flame(),
		r.grew("cpu", "CPU time by place in the code", 11, r.CPU, func(c *diff.Comparison) ([]diff.Row, int) { return c.Sites, c.Rest.Sites.Rows }, r.place),
		r.about(),
		r.captures(),
		r.decisions(),
	}
	kept := all[:0]
	for _, s := range all {
		if len(s.blocks) > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

func (r *Report) summary() section {
	m := r.Manifest
	s := section{id: "summary", weight: 0}
	var facts []fact
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name: name, text: text})
		}
	}
	if m.ID != "" {
		add("Incident", m.ID)
	}
	if !m.Opened.IsZero() && m.Death == nil {
		text := when(m.Opened)
		switch {
		case m.Recovered != nil:
			text += ", recovered after " + words.Span(m.Recovered.Sub(m.Opened))
		case m.CutShort:
			text += ", cut short when the process died"
		}
		add("Opened", text)
	}
	switch {
	case m.Trigger == incident.TriggerManual || m.Trigger == incident.TriggerSignal:
		add("Why", strings.TrimSuffix("by hand ("+string(m.Trigger)+"): "+m.Reason, ": "))
	case m.Rule != "" && m.Death == nil:
		add("Why", strings.TrimSuffix("rule "+m.Rule+": "+m.Reason, ": "))
	}
	if m.Death == nil {
		add("Memory", r.memory())
		if aboutIdle(m) {
			add("When idle", idleSummary(m.Idle))
		}
	}
	if h := r.Heap; h != nil && h.HasBase {
		add("Heap", change(h.Total, h.Unit)+timeBetween(h))
	} else if h != nil {
		add("Heap", amount(h.Total.After, h.Unit)+", no baseline")
	}
	if g := r.Goroutine; g != nil && g.HasBase {
		add("Goroutines", change(g.Total, g.Unit)+timeBetween(g))
	} else if g != nil {
		add("Goroutines", amount(g.Total.After, g.Unit)+", no baseline")
	} else if before, after, ok := r.counted(); ok {
		add("Goroutines", fmt.Sprintf("%v → %v, no profile", before, after))
	}
	for _, t := range m.Trends {
		if t.State == "leaking" && t.LimitSoonest >= 0 {
			add("Time left", limitRange(t)+" until the limit, by the trend of "+t.Signal)
			break
		}
	}
	add("Service", join(" ", m.Process.Service, m.Process.Version, prefixed("on ", cmp.Or(m.Process.Pod, m.Process.Host))))
	if len(facts) > 0 {
		s.blocks = []block{{facts: facts}}
	}
	return s
}

func (r *Report) memory() string {
	points := history(r.Manifest)
	for i := len(points) - 1; i >= 0; i-- {
		if !points[i].Memory.Known() {
			continue
		}
		text := points[i].Memory.String()
		if limit := r.limit(); limit > 0 {
			text += fmt.Sprintf(" of %v (%s)", limit, words.Percent(float64(points[i].Memory)/float64(limit)))
		}
		return text
	}
	return ""
}

// limit returns the limit that memory must stay below: that of the last reading
// or else the smallest that was found; 0 if there is none.
func (r *Report) limit() profile.Bytes {
	for i := len(r.Manifest.Readings) - 1; i >= 0; i-- {
		if l := r.Manifest.Readings[i].Limit; l > 0 {
			return l
		}
	}
	var least profile.Bytes
	for _, l := range r.Manifest.Limits {
		if l.Bytes > 0 && l.Source != "GOMEMLIMIT" && (least == 0 || l.Bytes < least) {
			least = l.Bytes
		}
	}
	return least
}

// counted returns the first and the last number of goroutines that readings know.
func (r *Report) counted() (before, after profile.Count, ok bool) {
	for _, p := range history(r.Manifest) {
		if p.Goroutines.Known() {
			if !ok {
				before, ok = p.Goroutines, true
			}
			after = p.Goroutines
		}
	}
	return before, after, ok
}

func timeBetween(c *diff.Comparison) string {
	if d := c.NowTime.Sub(c.BaseTime); d > 0 && !c.BaseTime.IsZero() {
		return " in " + words.Span(d)
	}
	return ""
}

func (r *Report) suspect() section {
	if len(r.Suspects) == 0 {
		return section{}
	}
	title := "First suspect"
	if s := r.Suspects[0]; s.Unit == profile.UnitBytes && outsideHeap(r.Manifest).dominates(s.Value.Growth()) {
		title = "First suspect in the Go heap, a side issue"
	}
	return section{id: "suspect", title: title, weight: 1, blocks: r.accused(r.Suspects[0])}
}

func (r *Report) accused(s incident.Suspect) []block {
	facts := []fact{{name: "Function", text: cmp.Or(s.Frame.Function, "unknown"), code: true}}
	add := func(name, text string, code bool) {
		if text != "" {
			facts = append(facts, fact{name: name, text: text, code: code})
		}
	}
	add("Where", fileLine(s.Frame), true)
	add("Through", s.Through.Function, true)
	add("Module", s.Frame.Module, true)
	what := change(s.Value, s.Unit)
	if s.Share > 0 {
		what += ", " + words.Percent(s.Share) + " of all growth of this kind"
	}
	add(strings.ToUpper(noun(s.Kind)[:1])+noun(s.Kind)[1:], what, false)
	add("Waiting for", s.Wait, false)
	if s.Standing > 0 {
		add("How long", "never fewer for "+words.Span(s.Standing), false)
	}
	facts = append(facts, fact{name: "Confidence", text: fmt.Sprintf("%s (%s)", words.Percent(s.Confidence), sureness(s.Confidence)), share: words.Percent(s.Confidence)})
	add("Role", string(s.Role), false)
	b := []block{{facts: facts}}
	if path := callPath(s); path != "" {
		b[0].facts = append(b[0].facts, fact{name: "Call path", text: path, code: true})
	}
	if len(s.Reasons) > 0 {
		b = append(b, block{lead: "Why:", points: s.Reasons})
	}
	return b
}

// callPath shows how the suspect comes to its growth, from caller to callee.
func callPath(s incident.Suspect) string {
	if len(s.Path) < 2 {
		return ""
	}
	names := make([]string, len(s.Path))
	for i, f := range s.Path {
		names[i] = shortName(f.Function)
	}
	return strings.Join(names, " → ")
}

func noun(k profile.Kind) string {
	switch k {
	case profile.Goroutine, profile.GoroutineLeak:
		return "goroutines"
	case profile.CPU:
		return "CPU time"
	}
	return k.String()
}

func fileLine(f profile.Frame) string {
	if f.File != "" && f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

func (r *Report) further() section {
	if len(r.Suspects) < 2 {
		return section{}
	}
	t := &table{prose: true, head: []column{{name: "suspect", code: true}, {name: "growth", number: true}, {name: "confidence", number: true}, {name: "why"}}}
	for _, s := range r.Suspects[1:] {
		why := ""
		if len(s.Reasons) > 0 {
			why = s.Reasons[0]
		}
		if s.Role != incident.RoleAlone && !strings.HasPrefix(why, string(s.Role)) {
			why = join(": ", string(s.Role), why)
		}
		what := growth(s.Value, s.Unit)
		if s.Unit == profile.UnitCount {
			what += " goroutines"
		}
		t.rows = append(t.rows, []string{r.place(s.Frame), what, words.Percent(s.Confidence), why})
	}
	return section{id: "further", title: "Other suspects", weight: 3, blocks: []block{{table: t}}}
}

func (r *Report) warnings() section {
	if len(r.Warnings) == 0 {
		return section{}
	}
	return section{id: "doubts", title: "Doubts", weight: 4, blocks: []block{{points: r.Warnings}}}
}

func (r *Report) commands() section {
	if len(r.Next) == 0 {
		return section{}
	}
	return section{id: "next", title: "Next steps", weight: 2, blocks: []block{{commands: r.Next}}}
}
