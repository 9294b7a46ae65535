package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile/incident"
)

// deathFacts returns the rows of a report on a death.
func deathFacts(d *incident.Death) (facts []fact) {
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name: name, text: text})
		}
	}
	cause := map[incident.DeathCause]string{
		incident.DeathOOM:   "killed by the kernel: out of memory",
		incident.DeathPanic: "ended by the Go runtime",
		incident.DeathHost:  "ended with its host",
	}[d.Cause]
	switch {
	case cause == "":
		cause = "unknown: SIGKILL, a crash, or an exit without Guard.Close"
	case !d.Certain:
		cause += " (likely)"
	}
	add("Cause", cause)
	add("Why", d.Why)
	add("Panic", d.Panic)
	if !d.LastSample.IsZero() {
		text := fmt.Sprintf("between %s (last reading) and %s (death noticed)", stamp(d.LastSample), stamp(d.Found))
		if d.Every > 0 {
			text += "; readings were " + words.Span(d.Every) + " apart"
		}
		add("Died", text)
	}
	if d.Lived > 0 {
		add("Lived", words.Span(d.Lived))
	}
	add("Memory", d.MemoryState())
	add("History", d.Series.Sentence(d.Cause))
	if d.Cause == incident.DeathOOM && d.Series.Doubled > 0 {
		add("More memory", "twice the limit, without a fix, would have bought "+words.Span(d.Series.Doubled))
	}
	add("Ran on", d.Elsewhere)
	lead, culprit := d.WhoLeaked()
	add(cmp.Or(lead, "Report"), culprit)
	if n := len(d.Incidents); n > 0 {
		add("Evidence", strings.Join(d.Incidents[max(0, n-maxEvidence):], ", "))
	} else if d.Cause == incident.DeathOOM {
		add("Evidence", "none")
	}
	return facts
}

// besides returns the path of a file of another incident or, if id is "", of
// this one.
func besides(folder, id, name string) string {
	if id == "" {
		return filepath.Join(folder, name)
	}
	return filepath.Join(filepath.Dir(folder), id, name)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// explainDeath makes the report of a death. It has no profile, but the last
// readings, and says where the evidence is.
func explainDeath(e Input) *Report {
	d := e.Manifest.Death
	r := &Report{Manifest: e.Manifest, Headline: d.Headline()}
	r.Warnings = append(append(r.Warnings, e.Warnings...), e.Manifest.Warnings...)
	if e.Folder != "" {
		for i := len(d.Incidents) - 1; i >= 0 && len(r.Next) < 4; i-- {
			if !incident.IsID(d.Incidents[i]) {
				continue
			}
			r.Next = append(r.Next, Command{"the report it left: who leaked", "less " + shellQuote(besides(e.Folder, d.Incidents[i], incident.ReportText))})
		}
		for _, a := range e.Manifest.Artefacts {
			if a.Name == incident.CrashText {
				r.Next = append(r.Next, Command{"the panic's stack trace", "less " + shellQuote(besides(e.Folder, "", incident.CrashText))})
			}
		}
	}
	return r
}

func (r *Report) death() section {
	if r.Manifest.Death == nil {
		return section{}
	}
	return section{id: "death", title: "Cause of death", weight: 1, blocks: []block{{facts: deathFacts(r.Manifest.Death)}}}
}
