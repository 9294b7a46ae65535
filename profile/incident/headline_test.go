package incident

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
)

func TestAwaitHeadline(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if got := AwaitHeadline(ctx, dir); got != "" || time.Since(start) != 3*time.Second {
			t.Errorf("without a report: %q after %v", got, time.Since(start))
		}
		written := make(chan error, 1)
		time.AfterFunc(time.Second, func() {
			written <- os.WriteFile(filepath.Join(dir, layout.ReportText), []byte("main.leak leaks\n"), 0o600)
		})
		if got := AwaitHeadline(t.Context(), dir); got != "main.leak leaks" {
			t.Errorf("got %q", got)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if got := AwaitHeadline(done, dir); got != "main.leak leaks" {
			t.Errorf("a context that is done: %q, want one look", got)
		}
	})
}

func ExampleHeadlineFunction() {
	fmt.Println(HeadlineFunction("storage.(*Cache).Put (storage/cache.go:42) holds 3.0 MiB more than 1 h before"))
	// Output: storage.(*Cache).Put
}

// The headline exists as soon as the report does, and is not read through a
// symbolic link.
func TestFolderHeadline(t *testing.T) {
	dir := t.TempDir()
	if got := ReadHeadline(dir); got != "" {
		t.Errorf("without a report: %q", got)
	}
	report := filepath.Join(dir, ReportText)
	if err := os.WriteFile(report, []byte("main.leak holds 1.0 MiB more \n\nIncident\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := ReadHeadline(dir), "main.leak holds 1.0 MiB more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.WriteFile(report, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ReadHeadline(dir); len(got) != 1<<10 {
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
	if got := ReadHeadline(dir); got != "" {
		t.Errorf("through a link: %d bytes", len(got))
	}
}
