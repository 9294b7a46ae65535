package main

import (
	"strings"
	"testing"
)

var made = []result{
	{Case: "a", Class: "pool", Half: tuned, Lines: []line{
		{Way: killed, Verdict: right, Function: "main.a", Confidence: 0.92},
		{Way: recovered, Verdict: halfRight, Function: "gopkg.in/yaml%2ev3.A", Confidence: 0.70},
		{Way: manual, Verdict: none},
	}},
	{Case: "b", Class: "timer", Half: tuned, Lines: []line{
		{Way: killed, Verdict: wrong, Function: "main.x", Confidence: 0.69999},
		{Way: recovered, Verdict: failed, Function: "main.b", Confidence: 0.99, Note: "exit status 1"},
	}},
	{Case: "c", Class: "cache", Half: untouched, Healthy: true, Lines: []line{
		{Way: killed, Verdict: quiet, Function: "main.c", Confidence: 0.3},
		{Way: recovered, Verdict: accused, Function: "main.c", Confidence: 1},
		{Way: manual, Verdict: quiet},
	}},
}

func TestCalibrate(t *testing.T) {
	type row struct{ lines, right, halfRight int }
	want := []row{{1, 0, 0}, {0, 0, 0}, {1, 0, 0}, {1, 0, 1}, {0, 0, 0}, {2, 1, 0}}
	for i, b := range calibrate(made) {
		if got := (row{b.lines, b.right, b.halfRight}); got != want[i] {
			t.Errorf("%s: %+v, want %+v", b.name, got, want[i])
		}
	}
}

func TestTables(t *testing.T) {
	var b strings.Builder
	writeAll(&b, made)
	for _, want := range []string{
		"| a | pool | tuned | killed | right | `main.a` | 92% |\n",
		"| a | pool | tuned | recovered | half | `gopkg.in/yaml.v3.A` | 70% |\n",
		"| a | pool | tuned | manual | none | – | – |\n",
		"| c | cache | untouched | killed | quiet | `main.c` | 30% |\n",
		// half, way; leaks: right, half, wrong, none, failed; healthy: quiet, accused, failed
		"| tuned | killed | 2 | 1 (50%) | 0 | 1 | 0 | 0 | 0 | – | 0 | 0 |\n",
		"| tuned | recovered | 2 | 0 (0%) | 1 | 0 | 0 | 1 | 0 | – | 0 | 0 |\n",
		"| untouched | recovered | 0 | – | 0 | 0 | 0 | 0 | 1 | 0 (0%) | 1 | 0 |\n",
		"| 90–100% | 2 | 96% | 1 (50%) | 0 (0%) |\n",
		"Of the lines said at 70% or more, 1 (33%) of 3 are right.\n",
		"b, recovered: exit status 1\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the tables have no\n%s", want)
		}
	}
	if strings.Contains(b.String(), "| tuned | offline") {
		t.Error("a way that did not run has a row")
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		verdict verdict
		any     int // a table of whatever
		list    int // of cases that must be right
	}{
		{right, 0, 0}, {quiet, 0, 0}, {halfRight, 0, 1}, {wrong, 0, 1}, {none, 0, 1}, {accused, 0, 1}, {failed, 1, 1},
	} {
		results := []result{{Lines: []line{{Verdict: right}, {Verdict: test.verdict}}}}
		if got := status(results, false); got != test.any {
			t.Errorf("%s in a table: status %d, want %d", test.verdict, got, test.any)
		}
		if got := status(results, true); got != test.list {
			t.Errorf("%s in a list: status %d, want %d", test.verdict, got, test.list)
		}
	}
}
