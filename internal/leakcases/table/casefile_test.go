package main

import (
	"slices"
	"strings"
	"testing"
)

const good = `report: https://github.com/owner/name/issues/1
kind: leak
class: connections
change: main.(*gateway).submit
change: main.main.func1
also: net/http.(*Transport).dialConn
also: github.com/owner/name%2ego/v2.(*List[go.shape.string]).Add
note: one thing
note: another: with a colon
`

func TestParseCase(t *testing.T) {
	c, err := parseCase("respbody", good)
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "respbody" || c.healthy || c.class != "connections" || c.report != "https://github.com/owner/name/issues/1" {
		t.Errorf("read as %+v", c)
	}
	if want := []string{"main.(*gateway).submit", "main.main.func1"}; !slices.Equal(c.change, want) {
		t.Errorf("change: %q, want %q", c.change, want)
	}
	if len(c.also) != 2 || !slices.Equal(c.notes, []string{"one thing", "another: with a colon"}) {
		t.Errorf("also %q, notes %q", c.also, c.notes)
	}
	if c, err := parseCase("okcache", "report: https://example.com/1\nkind: healthy\nclass: cache\n"); err != nil || !c.healthy {
		t.Errorf("healthy %v, %v", c.healthy, err)
	}
}

func TestParseCaseRefuses(t *testing.T) {
	for name, test := range map[string]struct{ old, new, says string }{
		"no report":            {"report: https://github.com/owner/name/issues/1\n", "", "report"},
		"report without host":  {"https://github.com/owner/name/issues/1", "issue 1", "report"},
		"no kind":              {"kind: leak\n", "", "kind"},
		"unknown kind":         {"kind: leak", "kind: slow leak", "want leak or healthy"},
		"two kinds":            {"kind: leak", "kind: leak\nkind: healthy", "second line"},
		"no class":             {"class: connections\n", "", "class"},
		"class of two words":   {"class: connections", "class: connections, pools", "class"},
		"unknown key":          {"also:", "alas:", "unknown key"},
		"no value":             {"note: one thing", "note:", "want 'key: value'"},
		"no change":            {"change: main.(*gateway).submit\nchange: main.main.func1\n", "", "change"},
		"function in healthy":  {"kind: leak", "kind: healthy", "names no function"},
		"function without dot": {"main.(*gateway).submit", "submit", "whole name"},
		"pattern":              {"main.(*gateway).submit", "main.(submit|dial).*", "whole name"},
		"function with file":   {"main.(*gateway).submit", "main.submit (main.go:12)", "whole name"},
		"same function twice":  {"main.main.func1", "main.(*gateway).submit", "twice"},
		"change and also":      {"net/http.(*Transport).dialConn", "main.main.func1", "twice"},
	} {
		text := strings.Replace(good, test.old, test.new, 1)
		if text == good {
			t.Fatalf("%s: %q is not in the text", name, test.old)
		}
		if _, err := parseCase("a", text); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.says)
		}
	}
}

func TestSymbols(t *testing.T) {
	for _, name := range []string{
		"main.main", "main.init.0", "main.main.func1.2", "main.(*registry).remember", "main.registry.remember-fm", "main.main.gowrap1",
		"net/http.(*Transport).dialConn.gowrap1", "gopkg.in/yaml%2ev3.Unmarshal", "github.com/nats-io/nats.go.(*Conn).readLoop",
		"main.Add[...]", "main.(*Set[...]).Add", "main.(*Set[go.shape.string,go.shape.int]).Add.func1",
		"go.opentelemetry.io/otel/sdk/metric/internal/aggregate.(*limiter[...]).Attributes",
		"modernc.org/sqlite/lib.Xsqlite3_step", "github.com/mattn/go-sqlite3._Cfunc__sqlite3_prepare_v2_internal",
	} {
		if !symbol.MatchString(name) {
			t.Errorf("%s is refused, but is a function's name", name)
		}
	}
	for _, name := range []string{"main", "main.", "submit|dialConn", "main.a b", "main.*", "main.(gateway", ".main"} {
		if symbol.MatchString(name) {
			t.Errorf("%s is accepted, but is no function's name", name)
		}
	}
}
