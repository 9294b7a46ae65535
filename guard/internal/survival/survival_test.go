//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/harness"
	"github.com/leakguard/leakguard/internal/testenv"
)

// TestSurvival runs the hardest cells of the table: evidence that names the leak
// must be on disk before the kernel's kill. It takes about two minutes and both
// processors, so it runs only with STRICT_CI=1, and must run apart from the tests of
// other packages: STRICT_CI=1 go test -p 1.
func TestSurvival(t *testing.T) {
	measure(t, harness.CI())
}

// TestFalseAlarms runs services that only look as if they leaked. Each may cause
// one incident per hour, so at most one in this short time.
func TestFalseAlarms(t *testing.T) {
	measure(t, harness.Calm(20*time.Second, 5*time.Second))
}

func measure(t *testing.T, cells []harness.Cell) {
	testenv.NeedFull(t, "takes minutes and both processors")
	if _, err := harness.FindHierarchy("/"); err != nil {
		testenv.Need(t, false, err.Error())
	}
	// Not t.TempDir, because the files of a failed run are needed for inspection.
	dir, err := os.MkdirTemp("", "leakguard-survival-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
		}
	})
	victim, err := harness.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	table := harness.NewTable(cells)
	victim.RunAll(t.Context(), cells, 4, func(r harness.Result) {
		table.Add(r)
		t.Log(strings.TrimSpace(r.Timeline()))
	})
	var text strings.Builder
	if err := table.WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())
	for _, r := range table.Bad() {
		t.Errorf("%v: %s", r.Case, r.Verdict.Reason)
	}
	for _, why := range table.Missing(cells) {
		t.Error(why)
	}
}
