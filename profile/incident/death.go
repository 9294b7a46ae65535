package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
)

// RulePreviousDeath is the Manifest.Rule of an incident that reports the death
// of the previous process. The next process writes it.
const RulePreviousDeath = "previous-death"

// maxDeathName is how many bytes of a name a sentence quotes.
const maxDeathName = 160

// DeathCause says what a process died of. The zero value means that it is not
// set.
type DeathCause string

// The causes of a process's death.
const (
	// DeathOOM means that the kernel killed it because memory ran out.
	DeathOOM DeathCause = "oom-kill"
	// DeathPanic means that the Go runtime ended it after an unrecovered panic,
	// a fatal error or a signal such as SIGSEGV.
	DeathPanic DeathCause = "panic"
	// DeathHost means that its host stopped or rebooted, or that it moved to
	// another host.
	DeathHost DeathCause = "host"
	// DeathUnknown means that it was killed or crashed in another way, or
	// exited without closing its guard.
	DeathUnknown DeathCause = "killed"
)

// Death says what a process died of, as far as the next process can tell.
type Death struct {
	// Cause is one of DeathOOM, DeathPanic, DeathHost and DeathUnknown. Certain
	// means that nothing else explains the evidence; otherwise the cause is
	// likely. Why names the evidence, in words.
	Cause   DeathCause `json:"cause"`
	Certain bool       `json:"certain"`
	Why     string     `json:"why"`
	// LastSample is when its guard took the last reading, Every the interval
	// between the last ones, and Found when its death was noticed. It died
	// between LastSample and Found. If memory is short a process may hang for
	// longer than Every before it is killed.
	LastSample time.Time     `json:"last_sample"`
	Every      time.Duration `json:"every_ns"`
	Found      time.Time     `json:"found"`
	// Lived is how long its guard ran.
	Lived time.Duration `json:"lived_ns"`
	// Memory, Limit and Rate are those of the last reading. Memory is its
	// [Reading.Unreclaimable]. Rate is in bytes a second, negative if memory
	// shrank.
	Memory profile.Bytes `json:"unreclaimable_bytes"`
	Limit  profile.Bytes `json:"limit_bytes"`
	Rate   float64       `json:"bytes_per_second"`
	// Panic is the first line of the panic's trace; "" if there is none.
	Panic string `json:"panic,omitempty"`
	// Elsewhere is the host that it ran on; "" if it was this one.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Incidents are the IDs of the incidents that it left, oldest first.
	// Culprit is the headline of the newest one that has a headline.
	Incidents []string    `json:"evidence"`
	Culprit   string      `json:"culprit,omitempty"`
	Series    DeathSeries `json:"series"`
	// Untold is how many more processes had died that are not reported: only the newest
	// deaths are.
	Untold int `json:"untold,omitempty"`
}

// DeathSeries says how often such deaths occur.
type DeathSeries struct {
	// Count is how many processes of this service died of the same cause within
	// Within before this death, including this one.
	Count  int           `json:"count"`
	Within time.Duration `json:"within_ns"`
	// Every is the mean time between them; 0 if there is only one.
	Every time.Duration `json:"every_ns"`
	// Doubled is how much later the process would have died with twice the
	// memory, at the rate of the last half of the growth; 0 if unknown.
	Doubled time.Duration `json:"doubled_ns"`
}

// bounded returns a copy within the limits of a manifest.
func (d *Death) bounded() *Death {
	if d == nil {
		return nil
	}
	b := *d
	b.Why, b.Panic, b.Culprit, b.Elsewhere = bounded.Text(d.Why), bounded.Text(d.Panic), bounded.Text(d.Culprit), bounded.Text(d.Elsewhere)
	b.Incidents = present(d.Incidents[max(0, len(d.Incidents)-maxDeathIncidents):])
	return &b
}

// Sentence says in one sentence what the process died of, when, and how much
// memory it used. It does not name who leaked; see Culprit.
func (d *Death) Sentence() string {
	var b strings.Builder
	b.WriteString("The previous process")
	if d.Elsewhere != "" {
		b.WriteString(" on " + words.CutMiddle(d.Elsewhere, maxDeathName))
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
		b.WriteString(" was killed, crashed, or exited without Guard.Close")
	}
	if !d.LastSample.IsZero() {
		layout := "15:04:05.000 UTC"
		if d.Found.Sub(d.LastSample) >= 12*time.Hour { // may be another day
			layout = "2006-01-02 " + layout
		}
		b.WriteString(" after " + d.LastSample.UTC().Format(layout))
	}
	if d.Panic != "" {
		fmt.Fprintf(&b, ": %s", words.CutMiddle(d.Panic, 2*maxDeathName))
	}
	if m := d.MemoryState(); m != "" {
		b.WriteString(", at " + m)
	}
	if d.Why != "" {
		b.WriteString(": " + d.Why)
	}
	if s := d.Series.Sentence(d.Cause); s != "" {
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

// Title says what the process died of in a few words, such as 'likely
// OOM-killed at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s'.
func (d *Death) Title() string {
	text := map[DeathCause]string{
		DeathOOM: "OOM-killed", DeathPanic: "panicked", DeathHost: "ended with its host",
	}[d.Cause]
	switch {
	case text == "":
		text = "killed, crashed, or exited without Guard.Close"
	case !d.Certain:
		text = "likely " + text
	}
	if d.Panic != "" {
		return text + ": " + words.CutMiddle(d.Panic, 2*maxDeathName)
	}
	if m := d.MemoryState(); m != "" {
		text += " at " + m
	}
	return text
}

// MemoryState describes memory at the last reading, such as '511.0 MiB of 512.0
// MiB, growing 800.0 MiB/s'; "" if it is unknown.
func (d *Death) MemoryState() string {
	if !d.Memory.Known() {
		return ""
	}
	text := d.Memory.String()
	if d.Limit > 0 {
		text += " of " + d.Limit.String()
	}
	// Slower growth, which needs more than a minute to fill the limit, did not
	// kill it.
	if d.Rate >= 1<<20 && (d.Limit <= 0 || float64(d.Limit-d.Memory) <= d.Rate*time.Minute.Seconds()) {
		text += fmt.Sprintf(", growing %v/s", profile.Bytes(d.Rate))
	}
	return text
}

// Sentence counts the deaths of a cause in words, such as 'the 7th OOM kill in
// 24 h, one every 3 h 24 min'; "" for the first death.
func (s DeathSeries) Sentence(cause DeathCause) string {
	if s.Count < 2 {
		return ""
	}
	name := map[DeathCause]string{DeathOOM: "OOM kill", DeathPanic: "panic", DeathHost: "end with its host"}[cause]
	if name == "" {
		name = "death of this kind"
	}
	text := fmt.Sprintf("the %s %s in %s", ordinal(s.Count), name, words.Span(s.Within))
	if s.Every > 0 {
		text += ", one every " + words.Span(s.Every)
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

// Headline returns the first line of the report: the sentence, and who leaked.
func (d *Death) Headline() string {
	text := d.Sentence()
	switch lead, what := d.WhoLeaked(); {
	case what == "":
	case lead == "":
		text += ". " + what
	default:
		text += ". " + lead + ": " + what
	}
	return text
}

// noCulprit begins the headline of a report that accuses nobody.
const noCulprit = "No culprit"

// WhoLeaked returns Culprit and what it is, 'Who leaked'. If the report accuses nobody, the
// first is "", and both are unless the process died for lack of memory: nobody asks who
// leaked after a kill that had nothing to do with memory.
func (d *Death) WhoLeaked() (lead, what string) {
	switch accuses := !strings.HasPrefix(d.Culprit, noCulprit); {
	case d.Culprit != "" && accuses:
		return "Who leaked", d.Culprit
	case d.Cause == DeathOOM:
		return "", d.Culprit
	}
	return "", ""
}
