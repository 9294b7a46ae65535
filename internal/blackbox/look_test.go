package blackbox

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// The box that was written to last comes first, and the look holds one descriptor for
// the folder and one for the box that was found.
func TestLookIsNewestFirstAndOneAtATime(t *testing.T) {
	needLocks(t)
	dir := t.TempDir()
	var want []string
	for i := range 20 {
		b := create(t, dir, false)
		b.abandon()
		at := time.Now().Add(-time.Duration(i*7%20) * time.Hour)
		if err := os.Chtimes(filepath.Join(dir, b.name), at, at); err != nil {
			t.Fatal(err)
		}
		want = append(want, b.name)
	}
	slices.SortFunc(want, func(a, b string) int { return modified(t, dir, b).Compare(modified(t, dir, a)) })
	before := openFiles()
	l, err := NewLook(dir, "boot")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i, name := range want {
		f := l.Next()
		if f == nil || f.name != name || len(f.Record.Recent) != 0 {
			t.Fatalf("box %d is %+v, want %s", i, f, name)
		}
		if n := openFiles(); n > before+2 {
			t.Fatalf("%d descriptors are open, before there were %d", n, before)
		}
		if err := f.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if f := l.Next(); f != nil || len(names(t, dir)) != 0 {
		t.Errorf("one more: %+v; left %q", f, names(t, dir))
	}
}

func modified(t *testing.T, dir, name string) time.Time {
	t.Helper()
	fi, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return fi.ModTime()
}

// openFiles counts the open descriptors, where the system tells.
func openFiles() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}
