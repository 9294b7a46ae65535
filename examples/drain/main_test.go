package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
	"github.com/leakguard/leakguard/internal/testenv"
)

// row matches the table's row for a run.
var row = regexp.MustCompile(`(?m)^(are killed|leave in time) *\|(\d+)(?: \((\d+) killed\))? *\|(\d+) *\|(\d+) *\|(\d+\.\d)%`)

// TestDrain runs the example as a stranger would, in real control groups and with
// workers that kill themselves, and reads its table. Requests must fail if workers
// are killed, and none may fail if they leave in time.
func TestDrain(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "drain.exe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("control groups", func(t *testing.T) {
		t.Parallel()
		_, remove, err := newgroup.Make(256 << 20)
		testenv.Need(t, err == nil, "no control groups")
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		restarts := testenv.Scaled(20, 4)
		drain(t, binary, "memory control groups", restarts, "-restarts", strconv.Itoa(restarts), "-kills", testenv.Scaled("4", "2"))
	})
	t.Run("soft limit", func(t *testing.T) {
		t.Parallel()
		drain(t, binary, "workers that kill themselves", 4, "-soft", "-restarts", "4", "-kills", "2")
	})
}

func drain(t *testing.T, binary, how string, restarts int, args ...string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("drain: %v", err)
	}
	if first, _, _ := strings.Cut(string(out), "\n"); !strings.HasSuffix(first, how) && !strings.Contains(first, how) {
		t.Errorf("it ran with %q, want %s", first, how)
	}
	rows := row.FindAllStringSubmatch(string(out), -1)
	if len(rows) != 2 || rows[0][1] != "are killed" || rows[1][1] != "leave in time" {
		t.Fatalf("its table has the rows %q", rows)
	}
	number := func(row, column int) int {
		n, err := strconv.Atoi(rows[row][column])
		if err != nil {
			t.Fatalf("%q: %v", rows[row], err)
		}
		return n
	}
	const ended, killed, requests, failed = 2, 3, 4, 5
	if number(0, ended) != number(0, killed) || number(0, failed) == 0 {
		t.Errorf("without a guard not all were killed, or no request failed: %q", rows[0])
	}
	if number(1, ended) < restarts || rows[1][killed] != "" || number(1, failed) != 0 || number(1, requests) < 50*restarts {
		t.Errorf("with a guard: %q, want at least %d restarts, none killed, and no request failed", rows[1], restarts)
	}
}

func TestSettings(t *testing.T) {
	for _, s := range []settings{{}, {rate: 1, limit: 1 << 30, restarts: [2]int{1, 0}}, {rate: 5000, limit: 1 << 30, restarts: [2]int{1, 1}}, {rate: 1, limit: 1 << 20, restarts: [2]int{1, 1}}} {
		if err := run(t.Context(), t.Output(), s); err == nil {
			t.Errorf("run takes %+v", s)
		}
	}
}
