package incident

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
