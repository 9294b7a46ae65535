package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	r, err := parse([]byte(`{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestB/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
`))
	if err != nil || len(r) != 4 || fmt.Sprint(r.passed()) != "[p.TestA p.TestB/sub]" || r.passed()[1].top() != "TestB" {
		t.Errorf("%v: %v", r, err)
	}
	for _, out := range []string{
		"", "no JSON",
		`{"Action":"build-output","Output":"undefined: bridge"}{"Action":"build-fail"}{"Action":"pass","Package":"p","Test":"TestA"}`,
	} {
		if r, err := parse([]byte(out)); err == nil || strings.Contains(out, "bridge") != strings.Contains(err.Error(), "undefined: bridge") {
			t.Errorf("%s: %v, %v", out, r, err)
		}
	}
}

// Each place where the releases send a request is found, and no comment.
func TestSends(t *testing.T) {
	for line, want := range map[string]string{
		"\t\t\tresponse, err := t.client.Do(item.request)":          "\t\t\tresponse, err := bridge.Do(t.client, item.request)",
		"\tresponse, err := t.client.Do(request)":                   "\tresponse, err := bridge.Do(t.client, request)",
		"\tresponse, err := client.Do(request) //nolint:gosec // x": "\tresponse, err := bridge.Do(client, request) //nolint:gosec // x",
		"//\trequest, err := client.Do(request)":                    "//\trequest, err := client.Do(request)",
	} {
		if got := sends.ReplaceAllString(line, "${1}bridge.Do($2, $3)"); got != want {
			t.Errorf("%q became %q", line, got)
		}
	}
}
