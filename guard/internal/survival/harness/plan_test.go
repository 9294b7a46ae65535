//go:build linux

package harness

import (
	"slices"
	"testing"
)

func TestMissing(t *testing.T) {
	a, b, c := Case{Limit: 1 << 20}, Case{Limit: 2 << 20}, Case{Limit: 3 << 20}
	cells := []Cell{{a, 2, 1, "pool"}, {b, 2, 1, "pool"}, {c, 1, 1, ""}}
	table := NewTable(cells)
	add := func(c Case, survived bool) { table.Add(Result{Case: c, Verdict: Verdict{Survived: survived}}) }
	add(a, true)
	add(a, false)
	add(b, false)
	add(b, false)
	add(c, true)
	if got, want := table.Missing(cells), []string{"pool: 1 of 4 runs left evidence, want 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	add(a, true) // makes up for the other cell
	if got := table.Missing(cells); got != nil {
		t.Errorf("got %q, want none", got)
	}
}
