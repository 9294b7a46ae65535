package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// lastDivided returns the last reading of an incident whose memory can be
// divided, and its division; nil if there is none.
func lastDivided(m incident.Manifest) (*incident.Reading, incident.Division) {
	for i := len(m.Readings) - 1; i >= 0; i-- {
		r := &m.Readings[i]
		if d := r.Division(); d.Total > 0 {
			return r, d
		}
	}
	return nil, incident.Division{Total: profile.Unknown}
}

// verdictOf returns the verdict from when the incident opened or, if there is
// none, the verdict on its readings.
func verdictOf(m incident.Manifest) incident.Verdict {
	if m.Verdict.Class != incident.VerdictUnknown {
		return m.Verdict
	}
	if r, _ := lastDivided(m); r != nil {
		return r.Verdict(&m.Readings[0])
	}
	return incident.Verdict{}
}

// outsideGo returns the text of the verdict if it names a culprit that no Go
// profile shows, and "" otherwise.
func outsideGo(m incident.Manifest) string {
	if m.Unit != profile.UnitBytes && (m.Unit != "" || aboutIdle(m)) {
		return ""
	}
	switch v := verdictOf(m); v.Class {
	case incident.VerdictTmpfs, incident.VerdictLocked, incident.VerdictNonGo, incident.VerdictOtherProcesses, incident.VerdictKernel:
		return v.Text
	}
	return ""
}

// filling shows how the memory divides.
func (r *Report) filling() section {
	last, d := lastDivided(r.Manifest)
	if last == nil {
		return section{}
	}
	whose := "The process uses"
	if d.Cgroup {
		whose = "The cgroup uses"
	}
	lead := fmt.Sprintf("%s %v.", whose, d.Total)
	if v := verdictOf(r.Manifest); v.Text != "" {
		lead = strings.ToUpper(v.Text[:1]) + v.Text[1:] + ". " + lead
	}
	t := &table{head: []column{{name: "part"}, {name: "size", number: true}, {name: "share", number: true, bar: true}, {drawn: true}}}
	parts := d.Parts()
	// By size, so that a rendering with little room omits the small parts.
	slices.SortStableFunc(parts, func(a, b incident.DivisionPart) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, p := range parts {
		if p.Bytes == 0 {
			continue
		}
		share := float64(p.Bytes) / float64(d.Total)
		t.rows = append(t.rows, []string{p.Name, p.Bytes.String(), words.Percent(share), blocks(share)})
	}
	return section{id: "filling", title: "What fills the memory", weight: 5, blocks: []block{{lead: lead, table: t}}}
}

// blocks draws a share as a bar of at most 20 characters, to an eighth of one.
func blocks(share float64) string {
	eighths := int(finite(share)*20*8 + 0.5)
	eighths = max(0, min(eighths, 20*8))
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string(rune('█' + 8 - rest)) // ▏ is one eighth, ▉ seven
	}
	return bar
}
