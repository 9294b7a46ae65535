package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
)

// TestTicker runs the example as a stranger would, and checks what is blamed and
// how early.
func TestTicker(t *testing.T) {
	testenv.NeedFull(t, "takes half a minute")
	binary := filepath.Join(t.TempDir(), "ticker.exe")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// Run with timers as they were before Go 1.23, which the guard must notice. The
	// story is the same: this ticker leaks under both.
	cmd := exec.Command(binary, "-dir", filepath.Join(t.TempDir(), "evidence"), "-for", "2m")
	cmd.Env = append(os.Environ(), "GODEBUG=asynctimerchan=1")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("took %v\n%s", time.Since(start).Round(time.Millisecond), out)
	if err != nil {
		t.Fatalf("ticker: %v", err)
	}

	story, report, ok := strings.Cut(string(out), "goroutines.\n\n")
	if !ok {
		t.Fatal("it printed no report")
	}
	first, _, _ := strings.Cut(report, "\n")
	if !regexp.MustCompile(`^[\d,]+ more goroutines tick in main\.keepFresh \(examples/ticker/main\.go:\d+\) than .+ ago, each about .*: .+% of a core when idle, compared with .+% before$`).MatchString(first) {
		t.Errorf("the report begins with %q", first)
	}
	found := regexp.MustCompile(`Found when the service used ([\d.]+)% of a core`).FindStringSubmatch(story)
	if found == nil {
		t.Fatal("it does not say when it was found")
	}
	if used, err := strconv.ParseFloat(found[1], 64); err != nil || used >= 15 {
		t.Errorf("found when the service used %s%% of a core, want less than 15", found[1])
	}
	for _, want := range []string{"asynctimerchan=1 is set, so a time.Ticker that is not stopped"} {
		if n := strings.Count(story, want); n != 1 {
			t.Errorf("the log says %d times %q, want once", n, want)
		}
	}
	if !strings.Contains(report, "asynctimerchan=1 is set: a ticker that is never stopped ticks forever") {
		t.Error("the report does not tell of GODEBUG=asynctimerchan=1")
	}
}

// TestNoReport expects a message if nothing is found in time.
func TestNoReport(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), &out, t.TempDir(), 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "no report") {
		t.Errorf("run = %v, want an error that tells of no report", err)
	}
}
