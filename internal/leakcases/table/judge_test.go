package main

import (
	"testing"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestJudge(t *testing.T) {
	leak := caseFile{change: []string{"main.submit", "main.main.func1"}, also: []string{"net/http.(*Transport).dialConn", "github.com/nats-io/nats%2ego.(*Conn).readLoop"}}
	healthy := caseFile{healthy: true}
	for _, test := range []struct {
		c          caseFile
		function   string
		confidence float64
		want       verdict
	}{
		{leak, "main.submit", 0.3, right},
		{leak, "main.main.func1", 0.9, right},
		{leak, "net/http.(*Transport).dialConn", 0.9, halfRight},
		{leak, "github.com/nats-io/nats.go.(*Conn).readLoop", 0.9, halfRight},
		{leak, "main.submit.func1", 0.9, wrong},
		{leak, "other/main.submit", 0.9, wrong},
		{leak, "submit", 0.9, wrong},
		{leak, "", 0, none},
		{healthy, "", 0, quiet},
		{healthy, "main.fill", 0.49, quiet},
		{healthy, "main.fill", 0.5, accused},
	} {
		if got := judge(test.c, line{Function: test.function, Confidence: test.confidence}); got != test.want {
			t.Errorf("%q at %v of a case that is healthy %v: %s, want %s", test.function, test.confidence, test.c.healthy, got, test.want)
		}
	}
}

// The line is that of the suspect which the headline accuses, not of the first one.
func TestLineOf(t *testing.T) {
	suspects := incident.Suspects{
		{Kind: profile.Heap, Frame: profile.Frame{Function: "main.fill"}, Confidence: 0.2},
		{Kind: profile.Heap, Frame: profile.Frame{Function: "main.submit"}, Confidence: 0.8, Accused: true},
	}
	if l := lineOf("the headline", suspects); l.Function != "main.submit" || l.Confidence != 0.8 || l.Headline != "the headline" {
		t.Errorf("got %+v", l)
	}
	if l := lineOf("no culprit", suspects[:1]); l.Function != "" || l.Confidence != 0 {
		t.Errorf("nobody is accused, but got %+v", l)
	}
}

func TestPick(t *testing.T) {
	old := line{Function: "main.old", Confidence: 0.9}
	newer := line{Function: "main.newer", Confidence: 0.4}
	nobody := line{Headline: "No culprit"}
	for name, test := range map[string]struct {
		healthy bool
		lines   []line
		want    line
	}{
		"leak: the newest":                   {false, []line{old, newer}, newer},
		"leak: the newest that says a name":  {false, []line{old, newer, nobody}, newer},
		"leak: nobody is named":              {false, []line{nobody}, nobody},
		"leak: no report":                    {false, nil, line{}},
		"healthy: the most confident":        {true, []line{old, newer, nobody}, old},
		"healthy: the most confident, later": {true, []line{nobody, newer, old}, old},
		"healthy: nobody is named":           {true, []line{nobody}, nobody},
		"healthy: no incident":               {true, nil, line{}},
	} {
		if got := pick(test.healthy, test.lines); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
