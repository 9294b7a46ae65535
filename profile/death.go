package profile

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// RulePreviousDeath is Manifest.Rule of an incident that tells what a process died
// of; it is written by the next one.
const RulePreviousDeath = "previous-death"

// The causes of a process's death.
const (
	// DeathOOM: the kernel killed it for want of memory.
	DeathOOM = "oom-kill"
	// DeathPanic: the Go runtime ended it, by an unrecovered panic, a fatal error
	// or a signal such as SIGSEGV.
	DeathPanic = "panic"
	// DeathHost: its host stopped, was started anew, or lost it to another host.
	DeathHost = "host"
	// DeathUnknown: it was killed or crashed otherwise, or exited without saying
	// so.
	DeathUnknown = "killed"
)

// Death is what a process died of, as far as the next one can tell.
type Death struct {
	// Cause is one of DeathOOM, DeathPanic, DeathHost and DeathUnknown; Certain
	// says that nothing else explains what is known, else it is likely. Why has
	// what speaks for it, in words.
	Cause   string `json:"cause"`
	Certain bool   `json:"certain"`
	Why     string `json:"why"`
	// LastSample is when its guard last took a reading, Every how far apart the
	// last ones were, and Found when its death was noticed: it died after
	// LastSample, and before Found. While memory is short a process may hang
	// for longer than Every before it is killed.
	LastSample time.Time     `json:"last_sample"`
	Every      time.Duration `json:"every_ns"`
	Found      time.Time     `json:"found"`
	// Lived is how long its guard ran.
	Lived time.Duration `json:"lived_ns"`
	// Memory, Limit and Rate (bytes a second; negative where it shrank) are those
	// of the last sample; Memory is [Reading.Unreclaimable].
	Memory Bytes   `json:"unreclaimable_bytes"`
	Limit  Bytes   `json:"limit_bytes"`
	Rate   float64 `json:"bytes_per_second"`
	// Panic is the first line of the panic's trace.
	Panic string `json:"panic,omitempty"`
	// Elsewhere is the host that it ran on, if that was another one.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Evidence are the IDs of the incidents that it left, oldest first; Culprit is
	// the headline of the newest that has one.
	Evidence []string `json:"evidence"`
	Culprit  string   `json:"culprit,omitempty"`
	Series   Series   `json:"series"`
	// Untold is how many more processes had died that are not reported: only the
	// newest deaths are.
	Untold int `json:"untold,omitempty"`
}

// Series is how often such deaths come.
type Series struct {
	// Count is how many of this service died of the same cause within Within of
	// the last, this one included.
	Count  int           `json:"count"`
	Within time.Duration `json:"within_ns"`
	// Every is the mean time between them; 0 where there is one only.
	Every time.Duration `json:"every_ns"`
	// Doubled is by how much later death would have come with twice the memory, at
	// the rate of the last half of the growth; 0 where nobody knows.
	Doubled time.Duration `json:"doubled_ns"`
}

// bounded returns a copy within the bounds of a manifest.
func (d *Death) bounded() *Death {
	if d == nil {
		return nil
	}
	b := *d
	b.Why, b.Panic, b.Culprit, b.Elsewhere = cutText(d.Why), cutText(d.Panic), cutText(d.Culprit), cutText(d.Elsewhere)
	b.Evidence = present(d.Incidents[max(0, len(d.Incidents)-maxDeathEvidence):])
	return &b
}

// Sentence says in one sentence what the process died of, when, and how its memory
// stood; who leaked is not in it.
func (d *Death) Sentence() string {
	var b strings.Builder
	b.WriteString("The previous process")
	if d.Elsewhere != "" {
		b.WriteString(", on " + cutName(d.Elsewhere) + ",")
	}
	likely := ""
	if !d.Certain {
		likely = "likely "
	}
	switch d.Cause {
	case DeathOOM:
		fmt.Fprintf(&b, " was %sOOM-killed", likely)
	case DeathPanic:
		fmt.Fprintf(&b, " %spanicked", likely)
	case DeathHost:
		fmt.Fprintf(&b, " %sended with its host", likely)
	default:
		b.WriteString(" was killed or crashed, or exited without Guard.Close,")
	}
	if !d.LastSample.IsZero() {
		layout := "15:04:05.000 UTC"
		if d.Found.Sub(d.LastSample) >= 12*time.Hour { // of another day
			layout = "2006-01-02 " + layout
		}
		b.WriteString(" after " + d.LastSample.UTC().Format(layout))
	}
	if d.Panic != "" {
		fmt.Fprintf(&b, ": %s", cutMiddle(d.Panic, 2*maxName))
	}
	if m := d.state(); m != "" {
		b.WriteString(", at " + m)
	}
	if d.Why != "" {
		b.WriteString(": " + d.Why)
	}
	if s := d.Series.sentence(d.Cause); s != "" {
		b.WriteString("; " + s)
	}
	switch {
	case d.Untold == 1:
		b.WriteString("; 1 more process died before, without a report")
	case d.Untold > 1:
		fmt.Fprintf(&b, "; %d more processes died before, without reports", d.Untold)
	}
	return b.String()
}

// Title is what the process died of in a few words, such as 'likely OOM-killed at
// 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s'.
func (d *Death) Title() string {
	text := map[string]string{
		DeathOOM: "OOM-killed", DeathPanic: "panicked", DeathHost: "ended with its host",
	}[d.Cause]
	switch {
	case text == "":
		text = "killed, crashed, or exited without Guard.Close"
	case !d.Certain:
		text = "likely " + text
	}
	if d.Panic != "" {
		return text + ": " + cutMiddle(d.Panic, 2*maxName)
	}
	if m := d.state(); m != "" {
		text += " at " + m
	}
	return text
}

// state is how memory stood.
func (d *Death) state() string {
	if !d.Memory.Known() {
		return ""
	}
	text := d.Memory.String()
	if d.Limit > 0 {
		text += " of " + d.Limit.String()
	}
	// What would take longer than a minute to fill the limit is not what killed it.
	if d.Rate >= 1<<20 && (d.Limit <= 0 || float64(d.Limit-d.Memory) <= d.Rate*time.Minute.Seconds()) {
		text += fmt.Sprintf(", growing %v/s", Bytes(d.Rate))
	}
	return text
}

// sentence is such as '7th OOM kill in 24 h, one every 3 h 24 min'; "" of the
// first.
func (s Series) sentence(cause string) string {
	if s.Count < 2 {
		return ""
	}
	name := map[string]string{DeathOOM: "OOM kill", DeathPanic: "panic", DeathHost: "end with the host"}[cause]
	if name == "" {
		name = "death of this kind"
	}
	text := fmt.Sprintf("the %s %s in %s", ordinal(s.Count), name, span(s.Within))
	if s.Every > 0 {
		text += ", one every " + span(s.Every)
	}
	return text
}

func ordinal(n int) string {
	switch suffix := n % 10; {
	case n%100 >= 11 && n%100 <= 13, suffix == 0, suffix > 3:
		return fmt.Sprintf("%dth", n)
	default:
		return fmt.Sprint(n) + [...]string{"", "st", "nd", "rd"}[suffix]
	}
}

// Headline is the first line of the report: the sentence, and who leaked.
func (d *Death) Headline() string {
	text := d.Sentence()
	if d.Culprit != "" {
		text += ". Who leaked: " + d.Culprit
	}
	return text
}

// facts are the rows of a report.
func (d *Death) facts() (facts []fact) {
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name: name, text: text})
		}
	}
	cause := map[string]string{
		DeathOOM:   "killed by the kernel for want of memory",
		DeathPanic: "ended by the Go runtime",
		DeathHost:  "ended with its host",
	}[d.Cause]
	switch {
	case cause == "":
		cause = "unknown: SIGKILL, a crash, or an exit without Guard.Close"
	case !d.Certain:
		cause += " (likely)"
	}
	add("Cause", cause)
	add("Because", d.Why)
	add("Panic", d.Panic)
	if !d.LastSample.IsZero() {
		text := fmt.Sprintf("between %s (its last sample) and %s (found)", stamp(d.LastSample), stamp(d.Found))
		if d.Every > 0 {
			text += "; samples came every " + span(d.Every) + " then"
		}
		add("Died", text)
	}
	if d.Lived > 0 {
		add("Lived", span(d.Lived))
	}
	add("Memory", d.state())
	add("Before", d.Series.sentence(d.Cause))
	if d.Cause == DeathOOM && d.Series.Doubled > 0 {
		add("More memory", "twice the limit instead of a fix would buy "+span(d.Series.Doubled)+" more")
	}
	add("Ran on", d.Elsewhere)
	add("Who leaked", d.Culprit)
	if n := len(d.Incidents); n > 0 {
		add("Evidence", strings.Join(d.Incidents[max(0, n-maxEvidence):], ", "))
	} else if d.Cause == DeathOOM {
		add("Evidence", "it left none")
	}
	return facts
}

// besides is a file of another incident, or with "" of this one.
func besides(folder, id, name string) string {
	if id == "" {
		return filepath.Join(folder, name)
	}
	return filepath.Join(filepath.Dir(folder), id, name)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// explainDeath makes the report of a death: there is no profile in it, but the
// last readings and where the evidence is.
func explainDeath(e Evidence) *Report {
	d := e.Manifest.Death
	r := &Report{Manifest: e.Manifest, Headline: d.Headline()}
	r.Warnings = append(append(r.Warnings, e.Warnings...), e.Manifest.Warnings...)
	if e.Folder != "" {
		for i := len(d.Incidents) - 1; i >= 0 && len(r.Next) < 4; i-- {
			if !IsIncidentID(d.Incidents[i]) {
				continue
			}
			r.Next = append(r.Next, Command{"what it left: who leaked", "less " + shellQuote(besides(e.Folder, d.Incidents[i], ReportText))})
		}
		for _, a := range e.Manifest.Artefacts {
			if a.Name == CrashText {
				r.Next = append(r.Next, Command{"the trace of the panic", "less " + shellQuote(besides(e.Folder, "", CrashText))})
			}
		}
	}
	return r
}

func (r *Report) death() section {
	if r.Manifest.Death == nil {
		return section{}
	}
	return section{id: "death", title: "What it died of", weight: 1, blocks: []block{{facts: r.Manifest.Death.facts()}}}
}
