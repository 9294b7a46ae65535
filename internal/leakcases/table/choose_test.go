package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The halves must not move: a case that has been tuned on cannot become untouched.
func TestHalves(t *testing.T) {
	for name, want := range map[string]string{"trialleak": tuned, "trialok": tuned, "respbody": tuned, "grpcconn": tuned, "wshub": tuned, "otelcard": untouched} {
		if got := (caseFile{name: name}).half(); got != want {
			t.Errorf("%s is in the half %s, want %s", name, got, want)
		}
	}
	const n = 10000
	heads := 0
	for i := range n {
		if (caseFile{name: fmt.Sprint("case", i)}).half() == tuned {
			heads++
		}
	}
	if heads < n*48/100 || heads > n*52/100 {
		t.Errorf("%d of %d cases are in the tuned half: the coin is not fair", heads, n)
	}
}

func TestChoose(t *testing.T) {
	cases := []caseFile{{name: "respbody"}, {name: "grpcconn"}, {name: "otelcard"}}
	for _, test := range []struct{ names, ways, half, want string }{
		{"", "killed,manual", "all", "respbody grpcconn otelcard"},
		{"", "killed", tuned, "respbody grpcconn"},
		{"", "killed", untouched, "otelcard"},
		{"otelcard,respbody", "killed", "all", "respbody otelcard"},
		{"r.*|otel.*", "killed", "all", "respbody otelcard"},
		{"resp", "killed", "all", ""}, // a name matches whole
		{"", "killed,dead", "all", ""},
		{"", "killed", "both", ""},
		{"(", "killed", "all", ""},
	} {
		jobs, err := choose(cases, test.names, test.ways, test.half)
		var got []string
		for _, j := range jobs {
			got = append(got, j.name)
			if strings.Join(j.ways, ",") != test.ways {
				t.Errorf("%+v: ways %q", test, j.ways)
			}
		}
		if strings.Join(got, " ") != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

func TestReadList(t *testing.T) {
	cases := []caseFile{{name: "respbody"}, {name: "okcache"}}
	read := func(text string) ([]job, error) {
		file := filepath.Join(t.TempDir(), "list.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readList(file, cases)
	}
	jobs, err := read("# the cases\n\nokcache killed\nrespbody  offline\n")
	if err != nil || len(jobs) != 2 || jobs[0].name != "okcache" || !slices.Equal(jobs[1].ways, []string{offline}) {
		t.Errorf("%+v, %v", jobs, err)
	}
	for text, says := range map[string]string{
		"":                       "names no case",
		"okcache":                "want a case and one of",
		"okcache killed,offline": "want a case and one of",
		"okcache dead":           "want a case and one of",
		"missing killed":         "no case is called missing",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q", text, err, says)
		}
	}
}
