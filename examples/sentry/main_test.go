package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/ingest"
)

// TestSentry runs a small scene as a stranger would, and reads the table.
func TestSentry(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sentry.exe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command(binary, "-goroutines", "1000", "-for", "1s").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | "); len(cells) == 4 {
			rows[cells[0]] = cells[1:]
		}
	}
	want := func(row string, patterns ...string) {
		t.Helper()
		got := rows[row]
		for i, pattern := range patterns {
			if len(got) != len(patterns) || !regexp.MustCompile("^("+pattern+")$").MatchString(got[i]) {
				t.Errorf("%s: %q, want %q", row, got, patterns)
				return
			}
		}
	}
	// How many of the short transactions arrive with a profile depends on how busy
	// the machine is.
	want("transactions delivered", "[0-4] of 5", "5 of 5", "5 of 5")
	want("answers 413", "[1-5]", "0", "0")
	want("profiles delivered", "[0-4]", "[1-5]", "0")
	want("profiles left out, and why", "[1-5] lost with its transaction", "none", "5 gate: goroutines")
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		s    scene
		only string
		want string
	}{
		"mode":       {scene{Long: time.Second}, "both", "without, transport, gate"},
		"goroutines": {scene{Long: time.Second, Goroutines: -1}, "", "-goroutines"},
		"duration":   {scene{}, "", "-for"},
		"DSN":        {scene{Long: time.Second, DSN: "nonsense"}, withTransport, "DSN"},
	} {
		err := start(t.Context(), c.s, 1<<20, false, c.only, io.Discard)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) {
			t.Errorf("%s: %v, want an error that tells of %s", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := start(ctx, scene{Long: time.Minute}, 1<<20, false, "", io.Discard); err == nil {
		t.Error("goes on when it is interrupted")
	}
}

// A large body must be answered and not cut off, or the SDK sees an error instead
// of 413.
func TestServer(t *testing.T) {
	dsn, shutdown, err := serve(&ingest.Server{WireBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown()
	url := strings.TrimSuffix(strings.Replace(dsn, "key@", "", 1), "/1") + "/api/1/envelope/"
	resp, err := http.Post(url, "application/x-sentry-envelope", strings.NewReader(strings.Repeat("x", 64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var said struct{ Detail string }
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || resp.StatusCode != 413 || said.Detail == "" {
		t.Errorf("%s %+v %v, want 413 and why", resp.Status, said, err)
	}
}
