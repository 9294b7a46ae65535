package report

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
	"github.com/leakguard/leakguard/profile/incident"
)

var hoard [][]byte

//go:noinline
func hoardBytes(n int) { hoard = append(hoard, make([]byte, n)) }

//go:noinline
func waitForever(c chan struct{}) { <-c }

func now(name string, debug int) func(io.Writer) error {
	return func(w io.Writer) error { return pprof.Lookup(name).WriteTo(w, debug) }
}

// leakedIncident is an incident of this process, in which memory and goroutines
// leaked.
func leakedIncident(t *testing.T, s *store.Store) *store.Folder {
	t.Helper()
	f := createTest(t, s, noon, "heap")
	write := func(name string, w func(io.Writer) error) {
		if _, err := f.Write(name, w); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	write("heap-base.pb.gz", now("heap", 0))
	write("goroutine-base.pb.gz", now("goroutine", 0))
	stop := make(chan struct{})
	for range 40 {
		hoardBytes(1 << 20)
		go waitForever(stop)
	}
	runtime.GC()
	runtime.GC()
	write("heap.pb.gz", now("heap", 0))
	write("goroutine.pb.gz", now("goroutine", 0))
	write("goroutine.txt", now("goroutine", 2))
	t.Cleanup(func() { close(stop); hoard = nil })
	return f
}

func TestStoreExplain(t *testing.T) {
	s := openTestStore(t)
	f := leakedIncident(t, s)
	if err := f.WriteManifest(incident.Manifest{Rule: "heap", Opened: noon, Reason: "it grew"}); err != nil {
		t.Fatal(err)
	}
	r, err := ExplainFolder(filepath.Join(s.Dir(), f.ID()))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range r.Suspects {
		found = append(found, s.Frame.Function)
	}
	for _, want := range []string{"report.hoardBytes", "report.waitForever"} {
		if !strings.Contains(strings.Join(found, " "), want) {
			t.Errorf("suspects are %q, want %s among them", found, want)
		}
	}
	if len(r.Warnings) > 0 {
		t.Errorf("doubts are %q, want none", r.Warnings)
	}
	if !strings.Contains(r.Headline, "explain_folder_test.go:") {
		t.Errorf("the headline names no place: %q", r.Headline)
	}
	if len(r.Next) != 4 || !strings.Contains(r.Next[0].Line, filepath.Join(f.Path(), "heap.pb.gz")) {
		t.Errorf("next are %q", r.Next)
	}

	if err := writeReport(f, r); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{incident.ReportText, incident.ReportMarkdown, incident.ReportHTML} {
		data, err := os.ReadFile(filepath.Join(f.Path(), name))
		if err != nil || !bytes.Contains(data, []byte("hoardBytes")) {
			t.Errorf("%s does not name the culprit (%v)", name, err)
		}
	}
	if first, _, _ := strings.Cut(readText(t, f, incident.ReportText), "\n"); first != r.Headline {
		t.Errorf("the text begins with %q, want the headline", first)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	// A reader without the store gets the same.
	before := tree(t, f.Path())
	again, err := ExplainFolder(f.Path())
	if err != nil || again.Headline != r.Headline {
		t.Errorf("ExplainFolder: %v, %v; want the same report", again, err)
	}
	if after := tree(t, f.Path()); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("ExplainFolder wrote: %q, before %q", after, before)
	}
}

func readText(t *testing.T, f *store.Folder, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.Path(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The report says what is missing or damaged, and explains the rest.
func TestStoreExplainWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string // expected in the doubts
		kinds  string // kinds that are still compared
	}{
		{"no goroutines", func(t *testing.T, dir string) { remove(t, dir, "goroutine.pb.gz") }, "there is no goroutine profile", "heap"},
		{"base is garbage", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, "heap-base.pb.gz"), "garbage") }, "heap-base.pb.gz cannot be read, so heap.pb.gz has no baseline", "heap goroutine"},
		{"heap is empty", func(t *testing.T, dir string) { mustWrite(t, filepath.Join(dir, "heap.pb.gz"), "") }, "heap.pb.gz cannot be read", "goroutine"},
		{"base is of another kind", func(t *testing.T, dir string) { copyFile(t, dir, "goroutine.pb.gz", "heap-base.pb.gz") }, "heap-base.pb.gz cannot be the baseline of heap.pb.gz", "heap goroutine"},
		{"heap is of another kind", func(t *testing.T, dir string) {
			copyFile(t, dir, "goroutine.pb.gz", "heap.pb.gz")
			remove(t, dir, "heap-base.pb.gz")
		}, "ignored heap.pb.gz: it is a goroutine profile", "goroutine"},
		{"nothing", func(t *testing.T, dir string) {
			for _, name := range []string{"heap.pb.gz", "heap-base.pb.gz", "goroutine.pb.gz", "goroutine-base.pb.gz", "goroutine.txt"} {
				remove(t, dir, name)
			}
		}, "there is no heap profile", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTestStore(t)
			f := leakedIncident(t, s)
			if err := f.WriteManifest(incident.Manifest{Rule: "heap", Opened: noon}); err != nil {
				t.Fatal(err)
			}
			c.damage(t, f.Path())
			r, err := ExplainFolder(filepath.Join(s.Dir(), f.ID()))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.Warnings, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("doubts are %q, want %q", got, c.want)
			}
			var kinds []string
			for _, k := range []*diff.Comparison{r.Heap, r.Goroutine} {
				if k != nil {
					kinds = append(kinds, k.Kind.String())
				}
			}
			if got := strings.Join(kinds, " "); got != c.kinds {
				t.Errorf("compared %q, want %q", got, c.kinds)
			}
			var text bytes.Buffer
			if err := r.WriteText(&text); err != nil || text.Len() == 0 {
				t.Errorf("a report of %d bytes (%v)", text.Len(), err)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, dir, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, to), string(data))
}

func TestExplainWhatIsNotThere(t *testing.T) {
	s := openTestStore(t)
	id := layout.NewID(noon, "heap")
	if _, err := ExplainFolder(filepath.Join(s.Dir(), id)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Explain of no incident: %v, want fs.ErrNotExist", err)
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), id), filepath.Join(t.TempDir(), "none", id), t.TempDir()} {
		if _, err := ExplainFolder(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ExplainFolder(%q): %v, want fs.ErrNotExist", dir, err)
		}
	}
}

func TestEvidenceOf(t *testing.T) {
	for kind, get := range map[profile.Kind]func(Input) *diff.Comparison{
		profile.Heap:          func(e Input) *diff.Comparison { return e.Heap },
		profile.Allocs:        func(e Input) *diff.Comparison { return e.Heap },
		profile.Goroutine:     func(e Input) *diff.Comparison { return e.Goroutine },
		profile.GoroutineLeak: func(e Input) *diff.Comparison { return e.GoroutineLeak },
		profile.CPU:           func(e Input) *diff.Comparison { return e.CPU },
	} {
		c := &diff.Comparison{Kind: kind}
		e := InputOf(c, "a", "b c")
		if get(e) != c {
			t.Errorf("%v: not where Explain looks for it", kind)
		}
		if next := Explain(e).Next; len(next) != 2 || next[0].Line != "go tool pprof -top -base a 'b c'" && runtime.GOOS != "windows" {
			t.Errorf("%v: next are %q", kind, next)
		}
	}
}

// A report that does not fit on the disk fails with an error that says so, and
// leaves nothing behind.
func TestWriteReportWithoutRoom(t *testing.T) {
	s := openTestStoreOf(t, store.Config{MaxBytes: mib})
	f := createTest(t, s, noon, "heap")
	if _, err := f.Write("allocs.pb.gz", content(strings.Repeat("x", 420<<10))); err != nil {
		t.Fatal(err)
	}
	err := writeReport(f, Explain(heapCase()))
	if err == nil || !strings.Contains(err.Error(), incident.ReportHTML) || strings.Contains(err.Error(), incident.ReportText) {
		t.Errorf("error is %v, want one about %s alone", err, incident.ReportHTML)
	}
	if got := strings.Join(tree(t, f.Path()), " "); got != "allocs.pb.gz report.md report.txt" {
		t.Errorf("left are %q", got)
	}
	for _, form := range forms {
		if err := form.write(Explain(heapCase()), failingWriter{}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v, want the writer's error", form.ext, err)
		}
	}
}

var errFull = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
