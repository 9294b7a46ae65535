package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestCreateNamesTheIncident(t *testing.T) {
	s := openTestStore(t, Config{})
	at := time.Date(2026, 11, 20, 11, 15, 30, 123_900_000, time.FixedZone("", 3600))
	f := createTest(t, s, at, "heap-growth-1h")
	if want := "20261120T101530.123Z-heap-growth-1h-"; !strings.HasPrefix(f.ID(), want) || len(f.ID()) != len(want)+4 {
		t.Errorf("got %q, want %qxxxx", f.ID(), want)
	}
	if f.Path() != filepath.Join(s.Dir(), f.ID()) {
		t.Errorf("path %q", f.Path())
	}
	for _, label := range []string{"", "Heap", "a/b", "..", "a b", "ä", strings.Repeat("x", 33)} {
		if _, err := s.Create(at, label); err == nil || !strings.Contains(err.Error(), "1 to 32 characters") {
			t.Errorf("label %q: %v", label, err)
		}
	}
	if _, err := s.Create(time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), "heap"); err == nil {
		t.Error("a year of five digits makes a name that does not sort")
	}
}

func TestWriteMeasuresWhatItWrote(t *testing.T) {
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	text := strings.Repeat("evidence ", 10_000)
	a, err := f.Write("heap.pb.gz", content(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); a.Name != "heap.pb.gz" || a.Size != int64(len(text)) || a.SHA256 != want || a.Kind == nil || *a.Kind != profile.Heap {
		t.Errorf("got %+v", a)
	}
	checkFile(t, filepath.Join(f.Path(), "heap.pb.gz"), text)
	if a, err := f.Write("report.md", content("# r")); err != nil || a.Kind != nil {
		t.Errorf("a report: %+v, %v", a, err)
	}
	if _, err := f.Write("heap.pb.gz", content("second")); err != nil {
		t.Fatal(err)
	}
	checkFile(t, filepath.Join(f.Path(), "heap.pb.gz"), "second")
	if got := f.Artefacts(); len(got) != 2 || got[0].Name != "report.md" || got[1].Size != 6 {
		t.Errorf("artefacts: %+v", got)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	checkNoTemps(t, s.Dir())
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	s := openTestStore(t, Config{MaxBytes: 1 << 20})
	f := createTest(t, s, noon, "heap")
	if _, err := f.Write("heap.pb.gz", content("first")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	half := func(then func() error) func(io.Writer) error {
		return func(w io.Writer) error {
			io.WriteString(w, strings.Repeat("x", 50_000))
			return then()
		}
	}
	for _, name := range []string{"heap.pb.gz", "goroutine.pb.gz"} {
		if _, err := f.Write(name, half(func() error { return boom })); !errors.Is(err, boom) {
			t.Errorf("%s: %v, want boom", name, err)
		}
		func() {
			defer func() { recover() }()
			f.Write(name, half(func() error { panic(boom) }))
			t.Error("the panic was swallowed: the caller counts panics")
		}()
		big := content(strings.Repeat("x", 600<<10)) // the store has 1 MiB, on tmpfs less
		if _, err := f.Write(name, big); !errors.Is(err, confined.ErrTooLarge) {
			t.Errorf("%s: %v, want a budget", name, err)
		}
	}
	checkFile(t, filepath.Join(f.Path(), "heap.pb.gz"), "first")
	if got := tree(t, f.Path()); len(got) != 1 {
		t.Errorf("left behind: %q", got)
	}
	for _, name := range []string{"", ".", "..", "../x.txt", "a/b.txt", `a\b.txt`, "Heap.pb.gz", "heap", "heap.exe", ".tmp-1-aaaa-1", layout.ManifestName, layout.DeliveryName, layout.LockName, "heap.01.pb.gz", "heap.1.2.pb.gz", "-heap.txt", strings.Repeat("x", 49) + ".txt"} {
		if _, err := f.Write(name, content("x")); err == nil {
			t.Errorf("wrote %q", name)
		}
		if _, err := f.Link(name, BaselineFile{}); err == nil {
			t.Errorf("linked %q", name)
		}
	}
}

func TestIncidentHasHalfTheBudget(t *testing.T) {
	s := openTestStore(t, Config{MaxBytes: 4 << 20})
	half := int(s.maxBytes / 2)
	f := createTest(t, s, noon, "heap")
	most := content(strings.Repeat("x", half-10))
	if _, err := f.Write("heap.pb.gz", most); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write("a.txt", content(strings.Repeat("x", 11))); !errors.Is(err, confined.ErrTooLarge) {
		t.Errorf("one byte over: %v", err)
	}
	if _, err := f.Write("heap.pb.gz", most); err != nil {
		t.Errorf("replacing does not need the room twice: %v", err)
	}
	if _, err := f.Write("a.txt", content(strings.Repeat("x", 10))); err != nil {
		t.Errorf("exactly half: %v", err)
	}
	if err := f.WriteManifest(incident.Manifest{}); err != nil {
		t.Errorf("the manifest is not refused: %v", err)
	}
}

func TestLinkSharesTheBaseline(t *testing.T) {
	s := openTestStore(t, Config{})
	b, err := s.WriteBaseline(profile.Heap, noon, 7, content("calm"))
	if err != nil {
		t.Fatal(err)
	}
	f := createTest(t, s, noon, "heap")
	for range 2 { // the second time it is a link onto itself
		a, err := f.Link("heap-base.pb.gz", b)
		if err != nil {
			t.Fatal(err)
		}
		if a.Size != 4 || a.SHA256 != b.SHA256 || *a.Kind != profile.Heap {
			t.Errorf("got %+v", a)
		}
		checkNoTemps(t, s.Dir())
	}
	path := filepath.Join(f.Path(), "heap-base.pb.gz")
	one, err1 := os.Stat(path)
	two, err2 := os.Stat(filepath.Join(s.Dir(), b.path))
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(one, two) {
		t.Errorf("it was copied, not linked: %v", err)
	}
	if err := os.Remove(filepath.Join(s.Dir(), b.path)); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path, "calm")
	if _, err := f.Link("goroutine-base.pb.gz", b); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a baseline that is gone: %v", err)
	}
	if _, err := f.Link("goroutine-base.pb.gz", BaselineFile{}); err == nil {
		t.Error("linked no baseline")
	}
	checkNoTemps(t, s.Dir())
}

func TestWriteManifestRoundTrip(t *testing.T) {
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
		t.Fatal(err)
	}
	in := testManifest()
	in.ID, in.Schema = "nonsense", 99
	if err := f.WriteManifest(in); err != nil {
		t.Fatal(err)
	}
	got, err := s.Incident(f.ID())
	if err != nil {
		t.Fatal(err)
	}
	want := testManifest()
	want.Schema, want.ID, want.Artefacts = 1, f.ID(), f.Artefacts()
	if a, err := json.Marshal(got); err != nil {
		t.Error(err)
	} else if b, err := json.Marshal(want); err != nil || !bytes.Equal(a, b) {
		t.Errorf("got  %s\nwant %s (%v)", a, b, err)
	}
	checkNoTemps(t, s.Dir())
}

func TestReopenAddsToAnIncident(t *testing.T) {
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
		t.Fatal(err)
	}
	if locks {
		if _, err := s.Reopen(f.ID()); !errors.Is(err, ErrInUse) {
			t.Errorf("an incident that is being written: %v, want ErrInUse", err)
		}
	}
	f.Close() // cut short: no manifest
	again, err := s.Reopen(f.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Write("report.txt", content("who leaks")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(again.Sync(), again.WriteManifest(incident.Manifest{Reason: "written later"})); err != nil {
		t.Fatal(err)
	}
	m, err := s.Incident(f.ID())
	if err != nil || m.CutShort || m.Reason != "written later" || len(m.Artefacts) != 2 {
		t.Fatalf("got %+v, %v", m, err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte("x"))); m.Artefacts[0].SHA256 != want {
		t.Errorf("what was found has no hash: %+v", m.Artefacts[0])
	}
	if _, err := s.Reopen("20261120T120000.000Z-heap-0000"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an incident that is not there: %v", err)
	}
}

func TestStoreWithoutPermission(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("root and Windows ignore modes; a read-only mount is tested elsewhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("OpenStore: %v, want fs.ErrPermission", err)
	}
}

// A profile that takes seconds and a report are written at the same time.
func TestFolderIsSafeForSeveralGoroutines(t *testing.T) {
	s := openTestStore(t, Config{})
	f := createTest(t, s, noon, "heap")
	names := []string{"heap.pb.gz", "cpu.pb.gz", "report.md", "goroutine.txt"}
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			for range 20 {
				_, err := f.Write(name, content(name))
				if err := errors.Join(err, f.Sync(), f.WriteManifest(incident.Manifest{Rule: "heap"})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := f.Artefacts(); len(got) != len(names) {
		t.Errorf("artefacts: %+v", got)
	}
	for _, name := range names {
		checkFile(t, filepath.Join(f.Path(), name), name)
	}
	checkNoTemps(t, s.Dir())
}
