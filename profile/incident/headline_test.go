package incident

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The headline exists as soon as the report does, and is not read through a
// symbolic link.
func TestFolderHeadline(t *testing.T) {
	dir := t.TempDir()
	if got := headlineIn(t, dir); got != "" {
		t.Errorf("without a report: %q", got)
	}
	report := filepath.Join(dir, ReportText)
	if err := os.WriteFile(report, []byte("main.leak holds 1.0 MiB more \n\nIncident\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := headlineIn(t, dir), "main.leak holds 1.0 MiB more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.WriteFile(report, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := headlineIn(t, dir); len(got) != 1<<10 {
		t.Errorf("of one endless line %d bytes", len(got))
	}
	if err := os.Rename(report, filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", report); runtime.GOOS == "windows" && err != nil {
		t.Skip("symbolic links need a privilege on Windows: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if got := headlineIn(t, dir); got != "" {
		t.Errorf("through a link: %d bytes", len(got))
	}
}

func headlineIn(t *testing.T, dir string) string {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return readHeadline(root)
}
