package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestStoreInMemoryTakesAQuarter(t *testing.T) {
	s := openTestStore(t, Config{Dir: testenv.Tmpfs(t, "size=4m"), MaxBytes: 8 << 20})
	if got := s.limits.Bytes; got != 2<<20 {
		t.Errorf("keeps %v of 8 MiB", profile.Bytes(got))
	}
	if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, "2.0 MiB instead of 8.0 MiB") {
		t.Errorf("warnings: %q", w)
	}
}

func TestStoreOnReadOnlyFileSystem(t *testing.T) {
	dir := testenv.Tmpfs(t, "size=1m")
	sub := filepath.Join(dir, "store")
	mustMkdir(t, sub)
	if err := errors.Join(syscall.Mount(sub, sub, "", syscall.MS_BIND, ""), syscall.Mount("", sub, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(sub, syscall.MNT_DETACH)
	if s, err := Open(Config{Dir: sub}); !errors.Is(err, syscall.EROFS) {
		if err == nil {
			s.Close()
		}
		t.Errorf("OpenStore: %v, want EROFS", err)
	} else if !strings.Contains(err.Error(), "cannot write to") {
		t.Errorf("the error does not name the cause: %v", err)
	}
}

func TestFullDiskLeavesNothingTorn(t *testing.T) {
	dir := testenv.Tmpfs(t, "size=512k")
	s := openTestStore(t, Config{Dir: dir, MaxBytes: 128 << 20})
	f := createTest(t, s, noon, "heap")
	old := strings.Repeat("o", 100<<10)
	if _, err := f.Write("heap.pb.gz", content(old)); err != nil {
		t.Fatal(err)
	}
	full := func(w io.Writer) error {
		chunk := []byte(strings.Repeat("n", 4<<10))
		for range 1 << 10 {
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	}
	deaf := func(w io.Writer) error { full(w); return nil }
	for name, write := range map[string]func(io.Writer) error{"passes the error on": full, "ignores it": deaf} {
		for _, file := range []string{"heap.pb.gz", "goroutine.pb.gz"} {
			if _, err := f.Write(file, write); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s: Write(%s): %v, want ENOSPC", name, file, err)
			}
		}
		if _, err := s.WriteBaseline(profile.Heap, noon, 7, write); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: WriteBaseline: %v, want ENOSPC", name, err)
		}
	}
	checkNoTemps(t, dir)
	checkFile(t, filepath.Join(f.Path(), "heap.pb.gz"), old)
	if _, err := os.Lstat(filepath.Join(f.Path(), "goroutine.pb.gz")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that did not fit is there: %v", err)
	}
	if got := f.Artefacts(); len(got) != 1 || got[0].Size != 100<<10 {
		t.Errorf("artefacts: %+v", got)
	}
	// Fill the disk to the last block, and then try everything that writes.
	mustFill(t, filepath.Join(dir, "ballast"))
	if err := f.WriteManifest(incident.Manifest{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteManifest: %v, want ENOSPC", err)
	}
	if err := s.RecordDelivery(f.ID(), accept("log", 1, "opened")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("RecordDelivery: %v, want ENOSPC", err)
	}
	checkNoTemps(t, dir)
	if m, err := s.Incident(f.ID()); err != nil || !m.CutShort || len(m.Artefacts) != 1 {
		t.Errorf("what there is is no longer listed: %+v, %v", m, err)
	}
	// With space again, everything works.
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteManifest(incident.Manifest{}); err != nil {
		t.Error(err)
	}
}

func mustFill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// Opening a pipe for reading would wait forever for a writer.
func TestOpenDoesNotWaitForAPipe(t *testing.T) {
	s := openTestStore(t, Config{})
	id := keepIncident(t, s, noon, "heap", 1)
	for _, name := range []string{"report.txt", layout.DeliveryName} {
		if err := syscall.Mkfifo(filepath.Join(s.Dir(), id, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := s.Reader().Open(id, name); !errors.Is(err, confined.ErrNotRegular) {
			f.Close()
			t.Errorf("Open(%s): %v", name, err)
		}
	}
	if _, err := s.Delivery(id); !errors.Is(err, confined.ErrNotRegular) {
		t.Errorf("Delivery: %v", err)
	}
}
