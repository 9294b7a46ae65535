package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

// The sections of secondary interest: growth in numbers, captures, and the
// program.

func (r *Report) trends() section {
	t := &table{prose: true, head: []column{{name: "signal"}, {name: "state"}, {name: "per hour", number: true}, {name: "range"}, {name: "confidence", number: true}, {name: "since"}, {name: "time to limit"}}}
	for _, tr := range r.Manifest.Trends {
		t.rows = append(t.rows, []string{tr.Signal, string(tr.State), slope(tr.Slope, tr.Unit),
			slope(tr.SlopeLow, tr.Unit) + " to " + slope(tr.SlopeHigh, tr.Unit), words.Percent(tr.Confidence), when(tr.Since), limitRange(tr)})
	}
	if len(t.rows) == 0 {
		return section{}
	}
	return section{id: "trend", title: "Trend over hours", weight: 6, blocks: []block{{table: t}}}
}

func slope(s float64, unit profile.Unit) string {
	if s = finite(s); unit == profile.UnitMilliCPU && math.Abs(s) < 1000 {
		return fmt.Sprintf("%+.2f%%", s/10) + ofCore
	}
	n := int64(max(min(finite(s), 1<<62), -1<<62))
	if n > 0 {
		return "+" + amount(n, unit)
	}
	return amount(n, unit)
}

func limitRange(t incident.Trend) string {
	switch {
	case t.LimitSoonest < 0:
		return ""
	case t.LimitLatest < 0:
		return words.Span(t.LimitSoonest) + " or more"
	case words.Span(t.LimitSoonest) == words.Span(t.LimitLatest):
		return words.Span(t.LimitSoonest)
	}
	return words.Span(t.LimitSoonest) + " to " + words.Span(t.LimitLatest)
}

func moduleName(f profile.Frame) string {
	if f.Module == "std" {
		return "std (standard library)"
	}
	return cmp.Or(f.Module, f.Package, f.Function, "unknown")
}

func (r *Report) grew(id, title string, weight int, c *diff.Comparison, rows func(*diff.Comparison) ([]diff.Row, int), name func(profile.Frame) string) section {
	if c == nil {
		return section{}
	}
	list, rest := rows(c)
	if id != "modules" { // there are many places; those that did not change say nothing
		list = slices.DeleteFunc(slices.Clone(list), func(g diff.Row) bool { return g.Value.Growth() == 0 })
	}
	if len(list) == 0 {
		return section{}
	}
	first := "place"
	if id == "modules" {
		first = "module"
	}
	t := &table{head: []column{{name: first, code: true}, {name: "growth", number: true}, {name: "share", number: true, bar: true},
		{name: "before", number: true}, {name: "after", number: true}}}
	t.left = rest + max(0, len(list)-maxRows)
	for _, g := range list[:min(len(list), maxRows)] {
		t.rows = append(t.rows, []string{name(g.Frame), growth(g.Value, c.Unit), words.Percent(g.Share), amount(g.Value.Before, c.Unit), amount(g.Value.After, c.Unit)})
	}
	b := block{table: t}
	if !c.HasBase {
		b.lead = "There is no baseline, so everything counts as growth."
	}
	return section{id: id, title: title, weight: weight, blocks: []block{b}}
}

func (r *Report) goroutines() section {
	t := &table{prose: true, head: []column{{name: "count", number: true}, {name: "growth", number: true}, {name: "never fewer for", number: true},
		{name: "waiting for"}, {name: "at", code: true}, {name: "started with", code: true}, {name: "labels", code: true}}}
	add := func(c incident.Change, standing time.Duration, wait, at, root, labels string) {
		stand := ""
		if standing > 0 {
			stand = words.Span(standing)
		}
		if len(t.rows) == maxRows {
			t.left++
			return
		}
		t.rows = append(t.rows, []string{profile.Count(max(c.After, 0)).String(), growth(c, profile.UnitCount), stand, wait, at, root, labels})
	}
	labels := false
	if r.Goroutine != nil {
		for _, g := range r.Goroutine.Goroutines {
			root := shortName(g.Root.Function)
			labels = labels || g.Labels != ""
			add(g.Count, g.Standing, g.Wait, r.place(g.Blocked), root, g.Labels)
		}
		t.left += r.Goroutine.Rest.Goroutines.Rows
	} else {
		for _, g := range r.Manifest.GoroutineSites {
			add(incident.Change{Before: g.Count - g.Grown, After: g.Count}, g.Standing, g.Wait, r.place(g.Frame), shortName(g.Root), "")
		}
	}
	if len(t.rows) == 0 {
		return section{}
	}
	if !labels {
		t.head = t.head[:6]
		for i := range t.rows {
			t.rows[i] = t.rows[i][:6]
		}
	}
	return section{id: "goroutines", title: "Goroutines by place", weight: 8, blocks: []block{{table: t}}}
}

func (r *Report) about() section {
	m := r.Manifest
	var facts []fact
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name: name, text: text})
		}
	}
	for _, l := range m.Limits {
		text := l.Bytes.String()
		if !l.Bytes.Known() {
			text = "not set"
		}
		add("Limit", join(", ", text+" ("+l.Source+")", l.Path))
	}
	b, p := m.Build, m.Process
	revision := b.Revision
	if revision != "" && b.Modified {
		revision += " (modified)"
	}
	add("Program", join(", ", join(" ", b.Path, b.Version), revision))
	add("Built with", join(" ", b.GoVersion, b.OS, b.Arch))
	add("Host", join(", ", p.Host, prefixed("pod ", p.Pod)))
	if p.PID != 0 {
		text := fmt.Sprintf("pid %d", p.PID)
		if !p.Started.IsZero() {
			text += ", started " + when(p.Started)
			if d := m.Opened.Sub(p.Started); d > 0 {
				text += ", " + words.Span(d) + " before the incident"
			}
		}
		if p.GOMAXPROCS > 0 {
			text += fmt.Sprintf(", GOMAXPROCS %d", p.GOMAXPROCS)
		}
		add("Process", text)
	}
	if len(facts) == 0 {
		return section{}
	}
	return section{id: "about", title: "Limits, build and process", weight: 10, blocks: []block{{facts: facts}}}
}

func (r *Report) captures() section {
	t := &table{prose: true, head: []column{{name: "capture", number: true}, {name: "at"}, {name: "profile"}, {name: "file", code: true}, {name: "outcome"}, {name: "took", number: true}}}
	for _, c := range r.Manifest.Captures {
		for _, s := range c.Steps {
			if len(t.rows) == maxRows {
				t.left++
				continue
			}
			outcome := join(": ", string(s.Outcome), s.Reason)
			if s.Stale {
				outcome += ", stale"
			}
			t.rows = append(t.rows, []string{fmt.Sprint(c.Seq), c.Time.UTC().Format("15:04:05.000"), s.Kind.String(), s.File, outcome, took(s)})
		}
	}
	if len(t.rows) == 0 {
		return section{}
	}
	return section{id: "captures", title: "Captures", weight: 12, blocks: []block{{table: t, folded: true}}}
}

func took(s incident.CaptureStep) string {
	if s.TookNS <= 0 {
		return ""
	}
	return words.Span(time.Duration(s.TookNS))
}

// decisions shows how it began and how it stands.
func (r *Report) decisions() section {
	const first, last = 3, 9
	var points []string
	d := r.Manifest.Decisions
	for i, x := range d {
		if i == first && len(d) > first+last {
			points = append(points, fmt.Sprintf("… %d more", len(d)-first-last))
		}
		if i >= first && i < len(d)-last {
			continue
		}
		points = append(points, x.Time.UTC().Format("15:04:05.000")+" "+x.Text)
	}
	if len(points) == 0 {
		return section{}
	}
	return section{id: "decisions", title: "Decisions", weight: 13, blocks: []block{{points: points, folded: true}}}
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
