package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
	"github.com/leakguard/leakguard/internal/testenv"
)

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "pagecache.exe")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// told fails the test unless the output tells the story.
func told(t *testing.T, out string) {
	t.Helper()
	story := regexp.MustCompile(`(?s)verdict\n.*calm\n.*page cache at the limit\n.*calm\n` +
		`.*What filled the memory.*page cache, reclaimable +the kernel reclaims it before it kills\n` +
		`.*near the limit only because of page cache: .*The guard opened 0 incidents.\n\nRemember: `)
	if !story.MatchString(out) {
		t.Errorf("the story is not told:\n%s", out)
	}
}

func TestReplay(t *testing.T) {
	out, err := exec.Command(build(t), "-replay").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	told(t, string(out))
	if !strings.Contains(string(out), "working set") {
		t.Error("no table")
	}
}

func TestLive(t *testing.T) {
	testenv.NeedFull(t, "takes 10 s; TestReplay reads a recording of it")
	_, remove, err := newgroup.Make(limit)
	if errors.Is(err, newgroup.ErrUnable) {
		testenv.Need(t, false, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	dir := ""
	for _, parent := range []string{os.TempDir(), "."} {
		if dir, err = diskFolder(parent); err == nil {
			break
		}
	}
	testenv.Need(t, err == nil, fmt.Sprint("no folder on a disk: ", err))
	out, err := exec.CommandContext(t.Context(), build(t), "-dir", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "recording") {
		t.Errorf("it was not live:\n%s", out)
	}
	told(t, string(out))
	t.Logf("%s", out)
}
