package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestOpenStoreNamesEveryInvalidField(t *testing.T) {
	_, err := Open(Config{MaxBytes: 512, MaxIncidents: -1})
	for _, field := range []string{"Dir", "MaxBytes", "MaxIncidents"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("no word about %s in: %v", field, err)
		}
	}
}

func TestOpenStoreCreatesPrivateFolder(t *testing.T) {
	base := t.TempDir()
	s := openTestStore(t, Config{Dir: filepath.Join(base, "a", "b")})
	f := createTest(t, s, noon, "heap")
	if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteBaseline(profile.Heap, noon, 7, content("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteManifest(incident.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("mode bits say nothing on Windows")
	}
	for _, path := range tree(t, base) {
		fi, err := os.Lstat(filepath.Join(base, path))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[fi.IsDir()]; fi.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", path, fi.Mode().Perm(), want)
		}
	}
}

func TestOpenStoreRefuses(t *testing.T) {
	skipOn(t, "windows", "owners, modes and symlinks are those of unix")
	refused := func(t *testing.T, dir, want string) {
		t.Helper()
		s, err := Open(Config{Dir: dir})
		if err == nil {
			s.Close()
			t.Fatalf("opened, want an error about %q", want)
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %q, want %q and the folder", err, want)
		}
	}
	t.Run("symlink", func(t *testing.T) {
		base := t.TempDir()
		mustMkdir(t, filepath.Join(base, "real"))
		link := filepath.Join(base, "link")
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		refused(t, link, "symbolic link")
		if left := tree(t, filepath.Join(base, "real")); len(left) > 0 {
			t.Errorf("wrote through the link: %q", left)
		}
	})
	t.Run("dangling symlink", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink("nowhere", link); err != nil {
			t.Fatal(err)
		}
		refused(t, link, "symbolic link")
	})
	t.Run("file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		mustWrite(t, file, "")
		refused(t, file, "not a folder")
	})
	t.Run("writable by others", func(t *testing.T) {
		for _, mode := range []fs.FileMode{0o720, 0o702, 0o777} {
			dir := t.TempDir()
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, "chmod go-w")
		}
	})
	t.Run("another user's", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("as root in CI on Linux only")
		}
		testenv.Need(t, os.Geteuid() == 0, "only root gives folders away")
		dir := t.TempDir()
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, "belongs to user 12345")
	})
}

func TestStoreCloseGivesDescriptorsBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts descriptors in /proc")
	}
	dir := t.TempDir()
	held := func() (n int) {
		fds, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, dir) {
				n++
			}
		}
		return n
	}
	s := openTestStore(t, Config{Dir: dir})
	if got := held(); got != 2 {
		t.Errorf("an open store holds %d descriptors, its doc says 2", got)
	}
	f := createTest(t, s, noon, "heap")
	if got := held(); got != 4 {
		t.Errorf("with an open incident %d descriptors, docs say 2+2", got)
	}
	if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
		t.Fatal(err)
	}
	b, err := s.WriteBaseline(profile.Heap, noon, 7, content("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Link("heap-base.pb.gz", b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.WriteManifest(incident.Manifest{}), f.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	keepIncident(t, s, noon.Add(time.Hour), "heap", 1)
	if _, err := s.Incidents(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(noon); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got := held(); got != 0 {
		t.Errorf("%d descriptors are left", got)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	id := f.ID()
	s.Close()
	f.Close()
	errs := map[string]error{}
	_, errs["Create"] = s.Create(noon, "heap")
	_, errs["Reopen"] = s.Reopen(id)
	_, errs["Incidents"] = s.Incidents()
	_, errs["Incident"] = s.Incident(id)
	_, errs["Prune"] = s.Prune(noon)
	_, errs["WriteBaseline"] = s.WriteBaseline(profile.Heap, noon, 7, content("x"))
	_, errs["Delivery"] = s.Delivery(id)
	errs["RecordDelivery"] = s.RecordDelivery(id, accept("log", 1, "opened"))
	_, errs["Folder.Write"] = f.Write("heap.pb.gz", content("x"))
	_, errs["Folder.Link"] = f.Link("heap.pb.gz", BaselineFile{})
	errs["Folder.Sync"] = f.Sync()
	errs["Folder.WriteManifest"] = f.WriteManifest(incident.Manifest{})
	for call, err := range errs {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v, want fs.ErrClosed", call, err)
		}
	}
	if got := s.Baselines(); len(got) != 0 {
		t.Errorf("baselines of a closed store: %v", got)
	}
}

func TestStoreFindsItsFolderAgain(t *testing.T) {
	skipOn(t, "windows", "it removes no folder that is open")
	for name, remove := range map[string]func(dir string) error{
		"removed":  os.RemoveAll,
		"replaced": func(dir string) error { return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTestStore(t, Config{})
			old := createTest(t, s, noon, "heap")
			if _, err := s.WriteBaseline(profile.Heap, noon, 7, content("x")); err != nil {
				t.Fatal(err)
			}
			if err := remove(s.Dir()); err != nil {
				t.Fatal(err)
			}
			id := keepIncident(t, s, noon, "goroutine", 1)
			if list, err := s.Incidents(); err != nil || len(list) != 1 || list[0].ID != id {
				t.Errorf("got %v, %v; want the new incident alone", list, err)
			}
			if got := s.Baselines(); len(got) != 0 {
				t.Errorf("baselines that went with the folder are still offered: %v", got)
			}
			if _, err := s.WriteBaseline(profile.Heap, noon, 7, content("y")); err != nil {
				t.Error(err)
			}
			if _, err := old.Write("heap.pb.gz", content("x")); name == "removed" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("writing to a removed incident: %v, want fs.ErrNotExist", err)
			}
		})
	}
	t.Run("by something else", func(t *testing.T) {
		s := openTestStore(t, Config{})
		if err := errors.Join(os.RemoveAll(s.Dir()), os.Symlink(t.TempDir(), s.Dir())); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(noon, "heap"); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("Create through a link: %v", err)
		}
	})
}
