//go:build linux

package harness

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Table summarises results.
type Table struct {
	results map[Case][]Result
	order   []Case
}

// NewTable returns an empty table of the cells, in their order.
func NewTable(cells []Cell) *Table {
	t := &Table{results: map[Case][]Result{}}
	for _, c := range cells {
		t.order = append(t.order, c.Case)
	}
	return t
}

// Add adds a result.
func (t *Table) Add(r Result) { t.results[r.Case] = append(t.results[r.Case], r) }

// Survived returns how many runs of a case left evidence, and how many there were.
func (t *Table) Survived(c Case) (survived, runs int) {
	for _, r := range t.results[c] {
		if r.Verdict.Survived {
			survived++
		}
	}
	return survived, len(t.results[c])
}

// Bad returns the results that no table may have, whatever it requires: torn files
// and runs that went wrong.
func (t *Table) Bad() []Result {
	var bad []Result
	for _, c := range t.order {
		for _, r := range t.results[c] {
			if r.Err != "" || len(r.Verdict.Torn) > 0 {
				bad = append(bad, r)
			}
		}
	}
	return bad
}

// WriteMarkdown writes the table of survival rates, the table of medians, and each
// failed run with its reason.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	for _, unit := range []string{"MiB", "goroutines"} {
		cases := slices.DeleteFunc(slices.Clone(t.order), func(c Case) bool { return c.For > 0 || c.Unit() != unit })
		if len(cases) == 0 {
			continue
		}
		b.WriteString("Runs that left evidence naming the leak, out of all runs:\n\n")
		grid(&b, cases, func(c Case) string {
			n, of := t.Survived(c)
			return fmt.Sprintf("%d/%d", n, of)
		})
		fmt.Fprintf(&b, "\nMedians: share of the leak that the evidence attributes, achieved %s/s, ms from the evidence to the death:\n\n", unit)
		grid(&b, cases, t.medians)
		b.WriteString("\n")
	}
	for _, c := range t.order {
		for _, r := range t.results[c] {
			if c.For > 0 {
				fmt.Fprintf(&b, "- %v: %d incidents", c, r.Verdict.Incidents)
				if r.Rate > 0 {
					fmt.Fprintf(&b, ", %.0f MiB/s of garbage", r.Rate)
				}
				b.WriteString("\n")
			}
			if !r.Verdict.Survived {
				fmt.Fprintf(&b, "- failed: %v: %s (%s)\n", c, r.Verdict.Reason, r.Dir)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// grid writes a Markdown table of the cases with a column for each rate.
func grid(b *strings.Builder, cases []Case, cell func(Case) string) {
	rates := map[float64]string{}
	type row struct{ limit, memLimit, mode, shape string }
	var rows []row
	cells := map[row]map[float64]string{}
	for _, c := range cases {
		rates[c.Rate] = c.speed()
		r := row{fmt.Sprintf("%d MiB", c.Limit>>20), c.memLimit(), c.mode(), c.Shape}
		if cells[r] == nil {
			cells[r] = map[float64]string{}
			rows = append(rows, r)
		}
		cells[r][c.Rate] = cell(c)
	}
	columns := slices.Sorted(maps.Keys(rates))
	b.WriteString("| limit | GOMEMLIMIT | service | leak |")
	for _, rate := range columns {
		fmt.Fprintf(b, " %s |", rates[rate])
	}
	b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s |", r.limit, r.memLimit, r.mode, r.shape)
		for _, rate := range columns {
			fmt.Fprintf(b, " %s |", cells[r][rate])
		}
		b.WriteString("\n")
	}
}

func (t *Table) medians(c Case) string {
	var share, rate, margin []float64
	for _, r := range t.results[c] {
		if r.Err == "" {
			rate = append(rate, r.Rate)
		}
		if r.Verdict.Survived {
			share = append(share, 100*r.Verdict.Share)
			margin = append(margin, float64(r.Verdict.Margin)/float64(time.Millisecond))
		}
	}
	return fmt.Sprintf("%s%%, %s, %s ms", median(share), median(rate), median(margin))
}

// median formats the upper median as a whole number, or a dash if there are no
// values.
func median(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	slices.Sort(values)
	return fmt.Sprintf("%.0f", values[len(values)/2])
}

// Timeline describes a run in lines: what was on disk when, from the start of the
// leak to the death.
func (r Result) Timeline() string {
	var b strings.Builder
	outcome := "survived"
	if !r.Verdict.Survived {
		outcome = "FAILED: " + r.Verdict.Reason
	}
	fmt.Fprintf(&b, "%v: %s\n", r.Case, outcome)
	ms := func(t time.Time) time.Duration { return t.Sub(r.Start).Round(time.Millisecond) }
	amount := func(n int64) string {
		if r.Case.Unit() == "MiB" {
			return fmt.Sprintf("%d MiB", n>>20)
		}
		return fmt.Sprint(n)
	}
	for _, e := range r.Verdict.Evidence {
		fmt.Fprintf(&b, "  %8v  %s leaked, %s blamed in %s", ms(e.Taken), amount(e.Leaked), amount(e.Blamed), e.File)
		if e.Fault != "" {
			fmt.Fprintf(&b, ": %s", e.Fault)
		}
		b.WriteString("\n")
	}
	if !r.Death.IsZero() {
		fmt.Fprintf(&b, "  %8v  dead, %s leaked at %.0f %s/s\n", ms(r.Death), amount(r.Leaked), r.Rate, r.Case.Unit())
	}
	if r.Dir != "" {
		fmt.Fprintf(&b, "  left in %s\n", r.Dir)
	}
	return b.String()
}
