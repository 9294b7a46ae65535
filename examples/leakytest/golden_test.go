//go:build !leak

package leakytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGolden runs the leaking tests and compares the output of go test with the
// files that docs/testing.md shows.
func TestGolden(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("the golden paths have slashes")
	}
	for _, c := range []struct{ golden, flag string }{
		{"guardtest.txt", "-skip=WithGoleak"},
		{"goleak.txt", "-run=WithGoleak"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "leak", c.flag, ".").CombinedOutput()
		if err == nil {
			t.Errorf("%s: the tests passed:\n%s", c.golden, out)
			continue
		}
		got := "$ go test -tags leak " + c.flag + " ./examples/leakytest\n" + steady(t, string(out))
		path := filepath.Join("testdata", c.golden)
		other := filepath.Join("testdata", ".got-"+c.golden)
		want, err := os.ReadFile(path)
		if err == nil && got == string(want) {
			os.Remove(other)
			continue
		}
		if err := os.WriteFile(other, []byte(got), 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("%s: not as wanted (%v); got is in %s:\n%s", path, err, other, got)
	}
}

// steady replaces what differs between runs, machines and releases of Go. It drops
// the garbage collector's proof, which not every toolchain has.
func steady(t *testing.T, out string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	out = strings.ReplaceAll(out, dir, "/src/leakytest")
	for _, r := range []struct{ re, with string }{
		{`\b\d+(\.\d+)?( ?)m?s\b`, "2${2}s"},
		{`\+0x[0-9a-f]+`, "+0x5d"},
		{`(?i)(goroutine) \d+`, "${1} 7"},
		{`(?m)^ +proof .*\n`, ""},
		{` \(cached\)`, ""},
	} {
		out = regexp.MustCompile(r.re).ReplaceAllString(out, r.with)
	}
	return out
}
