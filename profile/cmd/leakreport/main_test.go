package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// kept holds the memory that these tests leak.
var kept [][]byte

func leakBlocks(n int) {
	for range n {
		kept = append(kept, make([]byte, 1<<20))
	}
}

// dump writes a heap profile and returns its path.
func dump(t *testing.T, name string) string {
	t.Helper()
	runtime.GC()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := profile.Capture(f, profile.Heap); err != nil {
		t.Fatal(err)
	}
	return path
}

func command(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestTwoFiles(t *testing.T) {
	old := dump(t, "old.pb.gz")
	leakBlocks(40)
	now := dump(t, "new.pb.gz")
	kept = nil

	status, text, errs := command(old, now)
	if status != 0 || errs != "" {
		t.Fatalf("exit %d: %s", status, errs)
	}
	first, _, _ := strings.Cut(text, "\n")
	if !strings.Contains(first, "leakBlocks (") || !strings.Contains(first, "main_test.go:") || !strings.Contains(first, "MiB more") {
		t.Errorf("the first line is %q", first)
	}
	if !strings.Contains(text, "go tool pprof -top -base "+old+" "+now) {
		t.Errorf("it does not say what to type next:\n%s", text)
	}
	if _, md, _ := command("-md", old, now); !strings.HasPrefix(md, "#") || !strings.Contains(md, "leakBlocks") {
		t.Errorf("Markdown:\n%.500s", md)
	}
	if _, html, _ := command("-html", old, now); !strings.HasPrefix(html, "<!doctype html>") && !strings.HasPrefix(html, "<!DOCTYPE html>") || !strings.Contains(html, "leakBlocks") {
		t.Errorf("HTML:\n%.500s", html)
	}
}

// leakreport lists the incidents in a guard's folder and reports the newest. It
// writes nothing there, and accepts a folder of another mode or owner.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evidence")
	kept, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i, rule := range []string{"memory", "goroutines"} {
		f, err := kept.Create(time.Date(2026, 11, 20, 10, i, 0, 0, time.UTC), rule)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
			_, err = f.Write(store.FileName(kind, incident.VariantCrossing, 1), func(w io.Writer) error { return profile.Capture(w, kind) })
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := f.WriteManifest(incident.Manifest{Rule: rule, Reason: rule + " are many"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, f.ID())
		f.Close()
	}
	kept.Close()
	if runtime.GOOS != "windows" {
		if err := os.Chmod(dir, 0o755); err != nil { // a copy
			t.Fatal(err)
		}
	}
	before := tree(t, dir)

	status, text, errs := command(dir)
	if status != 0 || errs != "" {
		t.Fatalf("exit %d: %s", status, errs)
	}
	list, report, _ := strings.Cut(text, "\n\n")
	if lines := strings.Split(list, "\n"); len(lines) != 2 || lines[0] != ids[0]+"  memory are many" || lines[1] != ids[1]+"  goroutines are many" {
		t.Errorf("the list:\n%s", list)
	}
	if !strings.Contains(report, ids[1]) || strings.Contains(report, ids[0]) {
		t.Errorf("the report is not of the newest:\n%s", report)
	}
	if status, text, _ := command(filepath.Join(dir, ids[0])); status != 0 || !strings.Contains(text, ids[0]) || strings.Contains(text, ids[1]) {
		t.Errorf("exit %d; the report of one folder:\n%s", status, text)
	}
	if _, md, list := command("-md", dir); !strings.HasPrefix(md, "#") || !strings.Contains(list, ids[0]) {
		t.Errorf("a document with the list in it:\n%.300s", md)
	}
	if after := tree(t, dir); after != before {
		t.Errorf("the folder was written to:\n%s\nwas\n%s", after, before)
	}
}

func tree(t *testing.T, dir string) (list string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error { list += path + "\n"; return err })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "heap.txt")
	if err := os.WriteFile(text, []byte("goroutine 1 [running]:\nmain.main()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	heap := dump(t, "heap.pb.gz")
	for name, test := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"nothing":        {nil, 2, "usage: leakreport"},
		"three files":    {[]string{"a", "b", "c"}, 2, "usage: leakreport"},
		"two forms":      {[]string{"-md", "-html", heap, heap}, 2, "choose one"},
		"unknown flag":   {[]string{"-pdf", heap, heap}, 2, "usage: leakreport"},
		"no such file":   {[]string{heap, "missing.pb.gz"}, 1, "missing.pb.gz"},
		"no profile":     {[]string{heap, text}, 1, text},
		"one file":       {[]string{heap}, 1, "pass two profiles"},
		"no such folder": {[]string{"missing"}, 1, "missing"},
		"empty folder":   {[]string{t.TempDir()}, 1, "no incidents in"},
	} {
		status, out, errs := command(test.args...)
		if status != test.status || !strings.Contains(errs, test.says) || out != "" {
			t.Errorf("%s: exit %d with %q, want %d with %q; printed %q", name, status, errs, test.status, test.says, out)
		}
	}
	if status, _, errs := command("-h"); status != 0 || !strings.Contains(errs, "usage: leakreport") {
		t.Errorf("-h: exit %d, %q", status, errs)
	}
}
