package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// extract writes the files of a txtar archive to a folder and returns it. The trees
// are archives because module zips allow no colon or backslash in a file name. A
// file that ends with \c has no newline at its end.
func extract(t testing.TB, archive string) string {
	t.Helper()
	text, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	root, name := t.TempDir(), ""
	var content strings.Builder
	flush := func() {
		if name == "" {
			return
		}
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		data, cut := strings.CutSuffix(content.String(), "\\c\n")
		if err := os.WriteFile(file, []byte(data), 0o666); err != nil || cut && data == "" {
			t.Fatal(file, err)
		}
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --\n") {
			flush()
			name = strings.TrimSuffix(strings.TrimPrefix(line, "-- "), " --\n")
			content.Reset()
			continue
		}
		content.WriteString(line)
	}
	flush()
	return root
}

// describe returns what a kernel reports, in the form of a file want: a key and its
// value per line.
func describe(root string) map[string]string {
	got := map[string]string{}
	m, err := Open(root)
	if err != nil {
		got["open-error"] = err.Error()
		if errors.Is(err, errors.ErrUnsupported) {
			got["unsupported"] = ""
		}
		if errors.Is(err, fs.ErrNotExist) {
			got["not-exist"] = ""
		}
		return got
	}
	defer m.Close()
	got["version"], got["dir"] = fmt.Sprint(m.Version()), m.Dir()
	var s Stat
	if err := m.Read(&s); err != nil {
		got["read-error"] = err.Error()
	}
	for key, n := range map[string]int64{
		"usage": s.Usage, "anon": s.Anon, "file": s.File, "shmem": s.Shmem, "unevictable": s.Unevictable,
		"kernel": s.Kernel, "slab": s.Slab, "sock": s.Sock, "inactive-file": s.InactiveFile, "active-file": s.ActiveFile, "dirty": s.Dirty,
		"writeback": s.Writeback, "working-set": s.WorkingSet(), "unreclaimable": s.Unreclaimable(), "kernel-reclaimable": s.KernelReclaimable,
	} {
		got[key] = fmt.Sprint(n)
	}
	limit, err := m.Limit()
	if err != nil {
		got["limit-error"] = err.Error()
	}
	got["limit"] = "none"
	if limit.Bytes != Unknown {
		got["limit"] = fmt.Sprint(limit.Bytes, " ", limit.Path, " ", limit.File)
	}
	kills, err := m.OOMKills()
	if err != nil {
		got["oom-error"] = err.Error()
	}
	got["oom-kills"] = fmt.Sprint(kills)
	return got
}

// TestKernels reads each tree in testdata and compares the result with its file
// want. A line there ending in -error is part of the message. An error that is not
// in want fails the test.
func TestKernels(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) < 25 {
		t.Fatal("the trees are missing:", archives, err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			root := extract(t, archive)
			text, err := os.ReadFile(filepath.Join(root, "want"))
			if err != nil {
				t.Fatal(err)
			}
			got, want := describe(root), map[string]string{}
			for line := range strings.Lines(string(text)) {
				if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
					key, value, _ := strings.Cut(line, " ")
					want[key] = value
				}
			}
			if len(want) == 0 {
				t.Fatal("nothing wanted")
			}
			for key, value := range want {
				switch g, ok := got[key]; {
				case !ok:
					t.Errorf("no %s; want %q, got %q", key, value, got)
				case strings.HasSuffix(key, "-error") && strings.Contains(g, value):
				case g != value:
					t.Errorf("%s: got %q, want %q", key, g, value)
				}
			}
			for key, value := range got {
				if _, ok := want[key]; !ok && strings.HasSuffix(key, "-error") {
					t.Errorf("unexpected %s: %s", key, value)
				}
			}
		})
	}
}
