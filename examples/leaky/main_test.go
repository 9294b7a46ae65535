package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
)

// TestLeaky runs the example as a stranger would, runs the commands that it prints,
// and checks what is blamed.
func TestLeaky(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "the evidence") // with a space: the commands must be ready to paste
	binary := filepath.Join(t.TempDir(), "leaky.exe")
	output(t, "go", "build", "-o", binary, ".")

	cmd := exec.Command(binary, "-dir", dir, "-for", "50s")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("took %v\n%s", time.Since(start).Round(time.Millisecond), out)
	if err != nil {
		t.Fatalf("leaky: %v", err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v, want less than a minute", took)
	}
	if rss, ok := maxRSS(cmd.ProcessState); ok && rss > 600<<20 {
		t.Errorf("it took %d MiB of memory, want less than 600", rss>>20)
	}

	_, report, ok := strings.Cut(string(out), "\n\n")
	if !ok || !strings.HasPrefix(report, "main.memoryLeak (examples/leaky/main.go:") {
		t.Errorf("the report does not begin with the culprit:\n%.300s", report)
	}
	commands := pprofCommands(string(out))
	if len(commands) != 2 {
		t.Fatalf("it printed %d commands, want one for the heap and one for the goroutines", len(commands))
	}
	if heap := commands[0]; !strings.Contains(heap, "heap-base.pb.gz") || !strings.Contains(heap, "heap-fresh.pb.gz") {
		t.Errorf("the first command compares no fresh heap with the baseline: %s", heap)
	}
	if runtime.GOOS == "windows" {
		t.Log("the commands are quoted for sh, so they are not tried here")
		return
	}
	if top := topEntry(t, output(t, "sh", "-c", commands[0])); top != "main.memoryLeak" {
		t.Errorf("%s\nputs %s on top, want main.memoryLeak", commands[0], top)
	}
	output(t, "sh", "-c", commands[1])

	profiles, err := filepath.Glob(filepath.Join(dir, "*", "*.pb.gz"))
	if err != nil || len(profiles) < 5 {
		t.Fatalf("the incident holds %d profiles (%v), want heap and goroutine with their baselines, and a fresh heap", len(profiles), err)
	}
	for _, p := range testenv.Scaled(profiles, profiles[:2]) {
		topEntry(t, output(t, "go", "tool", "pprof", "-top", p))
	}
}

// TestNoIncident expects a message that says what to do if nothing is found in
// time.
func TestNoIncident(t *testing.T) {
	err := run(t.Context(), t.TempDir(), "", 1, 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "no incident") || !strings.Contains(err.Error(), "-rate") {
		t.Errorf("run = %v, want an error that tells of no incident and of -rate", err)
	}
	if err := run(t.Context(), t.TempDir(), "", 0, time.Second); err == nil {
		t.Error("run takes a rate of 0")
	}
}

// pprofCommands returns the printed commands that themselves print something.
func pprofCommands(out string) (commands []string) {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "go tool pprof -top ") {
			commands = append(commands, line)
		}
	}
	return commands
}

// topEntry returns the function in the first row of pprof -top.
func topEntry(t *testing.T, top string) string {
	t.Helper()
	_, rows, ok := strings.Cut(top, "cum%\n")
	if !ok {
		t.Fatalf("no table in the output of pprof:\n%s", top)
	}
	row, _, _ := strings.Cut(rows, "\n")
	fields := strings.Fields(row)
	if len(fields) < 6 {
		return ""
	}
	return fields[5]
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	// pprof looks for binaries in this folder, and complains if it cannot create it.
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}
