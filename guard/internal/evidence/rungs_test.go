package evidence

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

func testTaker(t *testing.T) *Taker {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	taker := NewTaker(Config{
		Store: s, Log: slog.New(slog.DiscardHandler),
		FolderMade: func(string) {}, Stepped: func(incident.CaptureStep) {}, Baselined: func(bool) {}, Panicked: func() {}, First: func(string) bool { return true },
	})
	t.Cleanup(func() {
		taker.Wait()
		taker.Close()
		s.Close()
	})
	return taker
}

// captured makes a capture and returns its steps by the name of the file, and those
// without a file.
func (t *Taker) captured(j Job) (res Result, files map[string]incident.CaptureStep, missing []incident.CaptureStep) {
	m := incident.Manifest{ID: j.ID}
	j.Record, j.Kinds, j.Seq = NewRecord(m), []profile.Kind{profile.Heap, profile.Goroutine}, 1
	j.Collecting, j.Finishing = func(Result) {}, func(Result) {}
	done := make(chan Result, 1)
	t.Go(j, func(r Result) { done <- r })
	res = <-done
	files = make(map[string]incident.CaptureStep)
	for _, s := range res.Record.Steps {
		if s.File != "" {
			files[s.File] = s
		} else {
			missing = append(missing, s)
		}
	}
	return res, files, missing
}

func newJob() Job { return Job{Context: nil, ID: layout.NewID(time.Now(), "manual")} }

func baseNames(files map[string]incident.CaptureStep, kind profile.Kind) (names []string) {
	for name := range files {
		if k, variant, _, ok := incident.ParseFileName(name); ok && k == kind && variant == incident.VariantBase {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAnIncidentHasAllBaselines(t *testing.T) {
	taker := testTaker(t)
	if r := taker.Baseline(); r.Cost <= 0 || r.Goroutines <= 0 {
		t.Errorf("got %+v", r)
	}
	for range 2 {
		time.Sleep(2 * time.Millisecond) // a name has milliseconds
		taker.Baseline()
	}
	all := taker.cfg.Store.Baselines()
	taken := func(kind profile.Kind) (at []string) {
		for _, b := range all {
			if b.Kind == kind {
				at = append(at, b.SHA256)
			}
		}
		return at
	}
	for name, test := range map[string]struct {
		onset time.Time
		order []int // of the baselines, by the number in the name
	}{
		"without an onset":     {time.Time{}, []int{0, 1, 2}},
		"after all":            {time.Now(), []int{2, 0, 1}},
		"between":              {all[2].Taken.Add(time.Microsecond), []int{1, 0, 2}},
		"before the first":     {all[0].Taken.Add(-time.Hour), []int{0, 1, 2}},
		"the same, once again": {time.Now(), []int{2, 0, 1}},
	} {
		j := newJob()
		j.Onset = test.onset
		res, files, _ := taker.captured(j)
		if res.Err != nil {
			t.Fatal(res.Err)
		}
		for _, kind := range rungKinds {
			if name == "between" && kind == profile.Goroutine {
				continue // a goroutine profile is taken after the heap
			}
			want := taken(kind)
			for i, of := range test.order {
				file := store.FileName(kind, incident.VariantBase, i+1)
				at := slices.IndexFunc(res.Artefacts, func(a incident.Artefact) bool { return a.Name == file })
				if at < 0 || res.Artefacts[at].SHA256 != want[of] {
					t.Errorf("%s: %s is not baseline %d", name, file, of)
				}
				if s := files[file]; !strings.HasPrefix(s.Reason, "as of ") || !strings.Contains(s.Reason, " goroutines") || s.Stale {
					t.Errorf("%s: %+v", name, s)
				}
			}
			if got := baseNames(files, kind); len(got) != 3 {
				t.Errorf("%s: %v", name, got)
			}
		}
		// The further ones come after the profiles of the crossing and the fresh one.
		index := func(file string) int {
			return slices.IndexFunc(res.Record.Steps, func(s incident.CaptureStep) bool { return s.File == file })
		}
		if index("heap-base.2.pb.gz") < index("heap-fresh.pb.gz") || index("heap-base.2.pb.gz") < index("heap.pb.gz") {
			t.Errorf("%s: the steps are %+v", name, res.Record.Steps)
		}
	}
}

// The profiles of a manual capture are baselines for the next.
func TestACaptureBecomesABaseline(t *testing.T) {
	taker := testTaker(t)
	taker.Baseline()
	j := newJob()
	j.Rung = true
	first, files, _ := taker.captured(j)
	if got := baseNames(files, profile.Heap); len(got) != 1 {
		t.Errorf("a capture is its own baseline: %v", got)
	}
	second, _, _ := taker.captured(newJob())
	for file, of := range map[string]string{"heap-base.2.pb.gz": "heap-fresh.pb.gz", "goroutine-base.2.pb.gz": "goroutine.pb.gz"} {
		got, err1 := os.ReadFile(filepath.Join(second.Folder, file))
		want, err2 := os.ReadFile(filepath.Join(first.Folder, of))
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the %s of the first capture: %v, %v", file, of, err1, err2)
		}
	}
	if _, files, _ = taker.captured(newJob()); len(baseNames(files, profile.Heap)) != 2 {
		t.Errorf("an incident of a rule became a baseline: %v", files)
	}
}

// A capture that cannot afford the goroutine profile has the newest baseline with the leak
// in it, and says as of when that is.
func TestABaselineStandsInForGoroutines(t *testing.T) {
	taker := testTaker(t)
	taker.Baseline()
	short := State{Headroom: 64 << 20, Left: -1, Goroutines: 1_000_000}

	// With one baseline only, there would be no difference.
	taker.Stands(short)
	_, files, missing := taker.captured(newJob())
	if _, ok := files["goroutine.pb.gz"]; ok || len(missing) == 0 {
		t.Errorf("files %v, missing %v", files, missing)
	}

	taker.Stands(State{Headroom: profile.Unknown, Left: -1})
	stop := make(chan struct{})
	for range 600 {
		go func() { <-stop }()
	}
	if r := taker.GoroutineBaseline(); r.Goroutines < 600 || r.Cost <= 0 {
		t.Errorf("got %+v", r)
	}
	close(stop)
	taker.Stands(short)
	j := newJob()
	j.Rung = true
	res, files, missing := taker.captured(j)
	s := files["goroutine.pb.gz"]
	if !s.Stale || !strings.HasPrefix(s.Reason, "as of ") || !strings.Contains(s.Reason, ", when there were 6") {
		t.Errorf("step %+v of %+v", s, res.Record.Steps)
	}
	if !slices.ContainsFunc(missing, func(s incident.CaptureStep) bool {
		return s.Kind == profile.Goroutine && s.Outcome == incident.OutcomeSkipped && strings.Contains(s.Reason, "would allocate")
	}) {
		t.Errorf("nothing says why there is no newer one: %+v", missing)
	}
	data, err := os.ReadFile(filepath.Join(res.Folder, "goroutine.pb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, s := range parse(t, data).Sample {
		total += s.Value[0]
	}
	if total < 600 {
		t.Errorf("there are %d goroutines in it", total)
	}
	// Nothing has grown since a baseline that is the same file.
	if got := baseNames(files, profile.Goroutine); len(got) != 1 {
		t.Errorf("baselines %v", got)
	}
	// It is no new baseline.
	if n := len(slices.DeleteFunc(taker.cfg.Store.Baselines(), func(b store.BaselineFile) bool { return b.Kind != profile.Goroutine })); n != 2 {
		t.Errorf("%d baselines of goroutines", n)
	}
}
