package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRun runs a program that leaks and one that does not in all ways. They are no part
// of the corpus: a function with a large leak and no other is always found.
func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a case reads its memory from /proc")
	}
	if testing.Short() {
		t.Skip("runs two programs for 25 s")
	}
	file := filepath.Join(t.TempDir(), "results.json")
	var out, progress strings.Builder
	got := run(context.Background(), []string{"-corpus", "../testdata/cases", "-json", file}, &out, &progress)
	t.Logf("%s\n%s", &progress, &out)
	if got != 0 {
		t.Fatalf("status %d", got)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var results []result
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 {
		t.Fatalf("%d results, want two", len(results))
	}
	for _, r := range results {
		var in []string
		for _, l := range r.Lines {
			in = append(in, l.Way)
			if !r.Healthy && (l.Verdict != right || l.Function != "main.(*registry).remember" || l.Confidence <= 0) {
				t.Errorf("%s, %s: %+v", r.Case, l.Way, l)
			}
			// A capture by hand in the first seconds of a service may well accuse its cache.
			byHand := l.Way == manual || l.Way == offline
			if r.Healthy && l.Verdict != quiet && !(byHand && l.Verdict == accused) {
				t.Errorf("%s, %s: %+v", r.Case, l.Way, l)
			}
		}
		if strings.Join(in, ",") != strings.Join(ways, ",") {
			t.Errorf("%s ran as %q, want %q", r.Case, in, ways)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"-half", "both"}, {"-ways", "dead"}, {"-cases", "missing"}, {"-list", "missing"}, {"-unknown"}} {
		var out, errs strings.Builder
		if got := run(context.Background(), append(args, "-corpus", "../testdata/cases"), &out, &errs); got != 2 || errs.Len() == 0 {
			t.Errorf("%q: status %d with %q, want 2 and why", args, got, &errs)
		}
	}
}
