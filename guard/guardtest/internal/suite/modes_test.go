//go:build !suite

package suite_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest/internal/gotest"
	"github.com/leakguard/leakguard/internal/testenv"
)

// leaking are the tests of the suite that must fail, with what they must say. No
// other test may fail.
var leaking = map[string]string{
	"TestParallel3/7":             `suite\.leak\b`,
	"TestParallel3":               ``, // a subtest's failure also fails its parent
	"TestSerialLeaks":             `suite\.leak\b`,
	"TestLabelsWiped":             `suite\.leak\b`,
	"TestTimerLeaks":              `suite\.leak\b`,
	"TestBubbleWithin":            `suite\.leak\b`,
	"TestMisuseInCleanup":         `(?i)Cleanup.*top of the test`,
	"TestMisuseDirectlyInCleanup": `(?i)Cleanup.*top of the test`,
	"TestMisuseDeferred":          `(?i)defer.*top of the test`,
	"TestMisuseInDeferred":        `(?i)defer.*top of the test`,
	"TestMisuseAtTheEnd":          `(?i)last statement.*top of the test`,
}

// TestModes runs the suite in each mode of go test. The same tests must fail, and
// no others; among fifty parallel ones that is one.
func TestModes(t *testing.T) {
	plain := build(t, false)
	for _, mode := range []struct {
		name string
		runs int
		race bool
		args []string
	}{
		{"plain", 1, false, nil},
		{"shuffle", 2, false, []string{"-test.shuffle=on", "-test.count=2"}},
		{"cpu", 2, false, []string{"-test.cpu=1,4"}},
		{"race", 2, true, []string{"-test.shuffle=on", "-test.cpu=1,4", "-test.parallel=50"}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			bin := plain
			if mode.race {
				testenv.NeedFull(t, "compiles everything with the race detector")
				bin = build(t, true)
			}
			r := run(t, bin, mode.args...)
			for name, test := range r.Tests {
				says, leaks := leaking[name]
				switch {
				case test.Runs != mode.runs:
					t.Errorf("%s ran %d times, not %d", name, test.Runs, mode.runs)
				case !leaks && test.Failed > 0:
					t.Errorf("%s leaves nothing, and failed:\n%s", name, test.Output)
				case leaks && test.Failed != mode.runs:
					t.Errorf("%s failed in %d runs of %d:\n%s", name, test.Failed, mode.runs, test.Output)
				case says != "" && !regexp.MustCompile(says).MatchString(test.Output):
					t.Errorf("%s does not say %q:\n%s", name, says, test.Output)
				}
			}
			for name := range leaking {
				if r.Tests[name] == nil {
					t.Errorf("%s did not run: only %q", name, slices.Sorted(maps.Keys(r.Tests)))
				}
			}
			if t.Failed() {
				t.Logf("seed and crash, if any:\n%s", r.Output)
			}
		})
	}
	t.Run("only Main", func(t *testing.T) { onlyMain(t, plain) })
}

// onlyMain runs the suite without a check in any test. All tests pass, and Main
// says which of them left something behind.
func onlyMain(t *testing.T, bin string) {
	r := run(t, bin, "-onlymain")
	if failed := r.Names(); len(failed) > 0 || !r.Failed {
		t.Errorf("the package failed: %v; the tests that did: %v", r.Failed, failed)
	}
	for _, name := range []string{"TestParallel3", "TestSerialLeaks", "TestTimerLeaks", "TestBubbleWithin", "TestGoleakInCleanup"} {
		if !regexp.MustCompile(name + `\b`).MatchString(r.Output) {
			t.Errorf("Main does not name %s", name)
		}
	}
	for _, name := range []string{"TestParallel[0124]", "TestParent", "TestSerialHealthy", "TestBubble"} {
		if regexp.MustCompile(name + `\b`).MatchString(r.Output) {
			t.Errorf("Main names %s, which leaves nothing", name)
		}
	}
	if t.Failed() {
		t.Log(r.Output)
	}
}

// build builds the suite's tests.
func build(t *testing.T, race bool) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "suite.test")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	args := []string{"test", "-c", "-tags", "suite", "-o", bin}
	if race {
		if os.Getenv("CGO_ENABLED") == "0" || runtime.GOARCH == "386" {
			t.Skip("the race detector needs cgo and 64 bits")
		}
		_, err := exec.LookPath("gcc")
		testenv.Need(t, err == nil, "the race detector needs a C compiler")
		args = append(args, "-race")
	}
	if out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return bin
}

func run(t *testing.T, bin string, args ...string) gotest.Result {
	t.Helper()
	r, err := gotest.Run(exec.CommandContext(t.Context(), "go",
		append([]string{"tool", "test2json", bin, "-test.v=test2json", "-test.timeout=2m"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
