package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

func TestIncidentsListsAlsoWhatWasCutShort(t *testing.T) {
	s := openTestStore(t, Config{})
	whole := keepIncident(t, s, noon, "heap", 3)
	cut := createTest(t, s, noon.Add(time.Hour), "goroutine")
	if _, err := cut.Write("goroutine.pb.gz", content("abc")); err != nil {
		t.Fatal(err)
	}
	torn := keepIncident(t, s, noon.Add(2*time.Hour), "torn", 3)
	mustWrite(t, filepath.Join(s.Dir(), torn, layout.ManifestName), `{"schema":`)
	late := keepIncident(t, s, noon.Add(3*time.Hour), "late", 3)
	mustWrite(t, filepath.Join(s.Dir(), late, "heap.2.pb.gz"), "later")
	mustWrite(t, filepath.Join(s.Dir(), late, "heap.pb.gz"), "longer than it was")
	lost := keepIncident(t, s, noon.Add(4*time.Hour), "lost", 3)
	if err := os.Remove(filepath.Join(s.Dir(), lost, "heap.pb.gz")); err != nil {
		t.Fatal(err)
	}
	copied := strings.Replace(lost, "160000.000Z-lost", "170000.000Z-copy", 1)
	mustMkdir(t, filepath.Join(s.Dir(), copied))
	mustWrite(t, filepath.Join(s.Dir(), copied, layout.ManifestName), `{"schema":1,"id":"`+lost+`"}`)
	// None of these is an incident.
	for _, name := range []string{"notes", "20261120T121500.000Z-heap-zzzz", "20261120T126000.000Z-heap-0000", "blackbox-1"} {
		mustMkdir(t, filepath.Join(s.Dir(), name))
	}
	mustWrite(t, filepath.Join(s.Dir(), "20261120T121500.000Z-heap-0000"), "a file")
	theirs := filepath.Join(s.Dir(), "20261120T121500.000Z-heap-0001")
	mustMkdir(t, theirs)
	mustWrite(t, filepath.Join(theirs, "Thesis.docx"), "")

	list, err := s.Incidents()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	if want := []string{whole, cut.ID(), torn, late, lost, copied}; !slices.Equal(ids, want) {
		t.Fatalf("got %q\nwant %q", ids, want)
	}
	for i, want := range []struct {
		cutShort  bool
		artefacts int
		warning   string
	}{
		{false, 1, ""},
		{true, 1, ""},
		{true, 1, "parse manifest"},
		{false, 2, "heap.2.pb.gz was written after"},
		{false, 0, "heap.pb.gz is missing"},
		{false, 0, "the manifest belongs to incident"},
	} {
		m := list[i]
		if m.CutShort != want.cutShort || len(m.Artefacts) != want.artefacts || !strings.Contains(strings.Join(m.Warnings, "\n"), want.warning) || (want.warning == "") != (len(m.Warnings) == 0) {
			t.Errorf("%s: cut short %v, artefacts %v, warnings %q; want %+v", m.ID, m.CutShort, m.Artefacts, m.Warnings, want)
		}
		if one, err := s.Incident(m.ID); err != nil || one.CutShort != m.CutShort {
			t.Errorf("Incident(%s): %+v, %v", m.ID, one, err)
		}
	}
	if m := list[1]; m.Rule != "goroutine" || !m.Opened.Equal(noon.Add(time.Hour)) || *m.Artefacts[0].Kind != profile.Goroutine || m.Artefacts[0].Size != 3 {
		t.Errorf("what the names tell: %+v", m)
	}
	if m := list[3]; m.Artefacts[0].SHA256 != "" || !strings.Contains(m.Warnings[0], "18 bytes") {
		t.Errorf("a replaced file keeps its old hash: %+v", m)
	}
	if _, err := s.Incident("20261120T121500.000Z-heap-0001"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("somebody else's folder: %v", err)
	}
}

func TestOpenIsConfined(t *testing.T) {
	s := openTestStore(t, Config{})
	id := keepIncident(t, s, noon, "heap", 3)
	f, err := s.Reader().Open(id, "heap.pb.gz")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); string(got) != "xxx" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	f.Close()

	mustWrite(t, filepath.Join(s.Dir(), "secret.txt"), "secret")
	mustWrite(t, filepath.Join(s.Dir(), id, ".hidden"), "secret")
	if runtime.GOOS != "windows" {
		for name, to := range map[string]string{"inside.txt": "heap.pb.gz", "outside.txt": "../secret.txt"} {
			if err := os.Symlink(to, filepath.Join(s.Dir(), id, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(id, filepath.Join(s.Dir(), "20261120T120000.000Z-link-0000")); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range [][2]string{
		{id, "../secret.txt"}, {id, ".."}, {id, ""}, {id, ".hidden"}, {id, "HEAP.pb.gz"}, {id, "absent.txt"},
		{id, "inside.txt"}, {id, "outside.txt"}, {id, "/etc/passwd"}, {id, "heap.pb.gz/"},
		{"..", "secret.txt"}, {".", "secret.txt"}, {"", "secret.txt"}, {id + "/..", "secret.txt"},
		{"20261120T120000.000Z-link-0000", "heap.pb.gz"}, {"20261120T120000.000Z-gone-0000", "heap.pb.gz"},
	} {
		if f, err := s.Reader().Open(bad[0], bad[1]); err == nil {
			f.Close()
			t.Errorf("Open(%q, %q) opened", bad[0], bad[1])
		}
	}
}
