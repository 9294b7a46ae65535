package report

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
)

const mib = 1 << 20

// noon is when the incidents of the tests open, by default.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func openTestStore(t testing.TB) *store.Store {
	t.Helper()
	return openTestStoreOf(t, store.Config{})
}

func openTestStoreOf(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	cfg.Dir = filepath.Join(t.TempDir(), "store")
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func createTest(t testing.TB, s *store.Store, at time.Time, label string) *store.Folder {
	t.Helper()
	f, err := s.Create(at, label)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func mustWrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeReport writes all renderings of a report to an incident's folder.
func writeReport(f *store.Folder, r *Report) error {
	return r.WriteForms(func(name string, form func(io.Writer) error) error {
		_, err := f.Write(name, form)
		return err
	})
}

// artefact returns a file of an incident, with the kind that its name says.
func artefact(name string, size int64) incident.Artefact {
	a := incident.Artefact{Name: name, Size: size}
	if kind, _, _, ok := incident.ParseFileName(name); ok {
		a.Kind = &kind
	}
	return a
}

// cgroupReading is a service of 60 MiB in a cgroup of 512 MiB, with 40 MiB of
// page cache and no tmpfs.
func cgroupReading(t time.Time) incident.Reading {
	r := incident.NewReading(t)
	r.NumGC = 7
	r.HeapAlloc, r.HeapLive, r.HeapInuse, r.HeapIdle = 28*mib, 20*mib, 30*mib, 10*mib
	r.HeapReleased, r.HeapSys, r.StackInuse, r.Sys = 4*mib, 40*mib, 2*mib, 48*mib
	r.RSS, r.RSSAnon, r.RSSShmem = 60*mib, 50*mib, 0
	r.CgroupUsage, r.CgroupAnon, r.CgroupFile, r.CgroupShmem = 101*mib, 55*mib, 40*mib, 0
	r.CgroupInactiveFile, r.CgroupActiveFile, r.CgroupUnevictable = 30*mib, 10*mib, 0
	r.CgroupDirty, r.CgroupWriteback = 2*mib, 1*mib
	r.CgroupKernel, r.CgroupSlab, r.CgroupSock = 4*mib, 3*mib, mib
	r.CgroupWorkingSet, r.Unreclaimable = r.CgroupUsage-r.CgroupInactiveFile, r.CgroupUsage-40*mib
	r.Limit, r.CgroupLimit = 512*mib, 512*mib
	return r
}

// tree lists everything below dir, by relative path.
func tree(t testing.TB, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
