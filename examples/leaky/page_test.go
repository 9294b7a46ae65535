package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
)

// TestPage runs the example with its page, waits until the page names the culprit,
// and interrupts it.
func TestPage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process there cannot be interrupted alone")
	}
	binary := filepath.Join(t.TempDir(), "leaky")
	output(t, "go", "build", "-o", binary, ".")
	cmd := exec.Command(binary, "-dir", filepath.Join(t.TempDir(), "evidence"), "-http", "127.0.0.1:0",
		"-rate", testenv.Scaled("0", "200")) // 0 is a pace at which people can watch
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewReader(stdout)
	until := func(pattern string) string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("no line with %s: %v", pattern, err)
			}
			if m := regexp.MustCompile(pattern).FindStringSubmatch(line); m != nil {
				return m[1]
			}
		}
	}
	url := until(`page: open (http://127\.0\.0\.1:\d+/)`)
	if page := get200(t, url); !strings.Contains(page, "<title>leakguard</title>") {
		t.Errorf("at / there is no page: %.200s", page)
	}
	// Read this line, or the process would block on writing it.
	until(`(page: running until you interrupt it)`)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		state := get200(t, url+"api/v1/incidents")
		if strings.Contains(state, `"headline":"main.memoryLeak `) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page names no culprit: %s", state)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted, it ended with %v", err)
	}
}

func get200(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", url, res.Status, err)
	}
	return string(body)
}
