//go:build linux

package progress_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/progress"
)

func TestStampsInOrderAndThinned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := progress.Create(path); err != nil {
		t.Fatal(err)
	}
	w, err := progress.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1_800_000_000, 0)
	var group sync.WaitGroup
	for worker := range 2 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := worker; i < 20_000; i += 2 { // 0.1 ms apart
				w.Note(start.Add(time.Duration(i)*100*time.Microsecond), int64(i))
			}
		}()
	}
	group.Wait()
	stamps, err := progress.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	// The number depends on how far one worker runs ahead.
	if len(stamps) == 0 || len(stamps) > 2000 {
		t.Errorf("%d stamps of 2 s, want at most one in 1 ms", len(stamps))
	}
	for i, s := range stamps {
		if want := start.Add(time.Duration(s.Leaked) * 100 * time.Microsecond); !s.At.Equal(want) {
			t.Fatalf("stamp %d says %d at %v, want %v", i, s.Leaked, s.At, want)
		}
		if i > 0 && s.At.Before(stamps[i-1].At) {
			t.Fatalf("stamp %d is out of order", i)
		}
	}
}

func TestFullLogKeepsTheLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := progress.Create(path); err != nil {
		t.Fatal(err)
	}
	w, err := progress.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const notes = 1<<18 + 10
	for i := range int64(notes) {
		w.Note(time.Unix(1_800_000_000, i*int64(progress.Every)), i)
	}
	stamps, err := progress.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if last := stamps[len(stamps)-1]; len(stamps) != 1<<18 || last.Leaked != notes-1 {
		t.Errorf("%d stamps, the last of %d", len(stamps), last.Leaked)
	}
}
