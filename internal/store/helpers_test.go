package store

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// noon is when the incidents of the tests open, by default.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// skipOn skips a test on platforms that cannot support it. Use testenv.Need for
// what a machine should have.
func skipOn(t testing.TB, goos, why string) {
	t.Helper()
	if runtime.GOOS == goos {
		t.Skip(why)
	}
}

func openTestStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "store")
	}
	s, err := Open(cfg)
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

func createTest(t testing.TB, s *Store, at time.Time, label string) *Folder {
	t.Helper()
	f, err := s.Create(at, label)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// keepIncident writes and closes an incident of about size bytes.
func keepIncident(t testing.TB, s *Store, at time.Time, label string, size int) string {
	t.Helper()
	f := createTest(t, s, at, label)
	if _, err := f.Write("heap.pb.gz", content(strings.Repeat("x", size))); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteManifest(incident.Manifest{Rule: label, Opened: at}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.ID()
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
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

func checkNoTemps(t testing.TB, dir string) {
	t.Helper()
	for _, path := range tree(t, dir) {
		if strings.Contains(path, layout.TempPrefix) {
			t.Errorf("left behind: %s", path)
		}
	}
}

func checkFile(t testing.TB, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s holds %.40q (%v), want %.40q", path, got, err, want)
	}
}

func mustWrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustMkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// testManifest has something in each of its parts.
func testManifest() incident.Manifest {
	r := incident.NewReading(noon)
	r.HeapAlloc, r.Goroutines = 1<<20, 12
	return incident.Manifest{
		Rule: "heap", Trigger: incident.TriggerRule, Reason: "live heap 480.0 MiB", Opened: noon, Peak: 480 << 20, Unit: profile.UnitBytes,
		Captures:  []incident.CaptureRecord{{Seq: 1, Time: noon, Steps: []incident.CaptureStep{{Kind: profile.Heap, File: "heap.pb.gz", Outcome: incident.OutcomeWritten}}}},
		Decisions: []incident.Decision{{Time: noon, Text: "opened"}},
		Readings:  []incident.Reading{r},
		Suspects:  incident.Suspects{},
		History:   []incident.HistoryPoint{}, Trends: []incident.Trend{}, GoroutineSites: []incident.GoroutineSite{},
		Limits: []incident.MemoryLimit{{Source: "cgroup v2", Bytes: 512 << 20}},
	}
}
