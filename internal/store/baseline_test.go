package store

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// climb takes baselines at the given pace for 30 days, and calls check with
// those kept after each.
func climb(pace func() time.Duration, check func(now time.Time, taken []time.Time)) {
	var taken []time.Time
	for now := noon; now.Sub(noon) < 30*24*time.Hour; now = now.Add(pace()) {
		taken = append(taken, now)
		for _, d := range slices.Backward(thinLadder(taken, now)) {
			taken = slices.Delete(taken, d, d+1)
		}
		check(now, taken)
	}
}

func TestLadderHasRungsOfAllAges(t *testing.T) {
	for _, pace := range []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour} {
		t.Run(pace.String(), func(t *testing.T) {
			climb(func() time.Duration { return pace }, func(now time.Time, taken []time.Time) {
				for _, want := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour} {
					if now.Sub(noon) < want {
						continue
					}
					// 'About' means a factor of at most 2.4 in either
					// direction.
					about := slices.ContainsFunc(taken, func(at time.Time) bool {
						age := now.Sub(at).Hours() / want.Hours()
						return 1/2.4 <= age && age <= 2.4
					})
					if !about {
						t.Fatalf("after %v none is about %v old: %v", now.Sub(noon), want, taken)
					}
				}
			})
		})
	}
}

// A process that dies young has a baseline from after its caches were filled and before
// most of the leak, even if others were taken in between.
func TestLadderOfAYoungProcess(t *testing.T) {
	scheduled := []time.Duration{0, 5 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour}
	for name, extra := range map[string]time.Duration{"alone": 0, "a capture a minute": time.Minute, "a capture each 20 s": 20 * time.Second} {
		var taken []time.Time
		for age := time.Duration(0); age < 4*time.Hour; age += time.Second {
			now := noon.Add(age)
			if slices.Contains(scheduled, age) || extra > 0 && age > 0 && age%extra == 0 {
				taken = append(taken, now)
				for _, d := range slices.Backward(thinLadder(taken, now)) {
					taken = slices.Delete(taken, d, d+1)
				}
			}
			if age < 30*time.Second {
				continue
			}
			if !slices.ContainsFunc(taken, func(at time.Time) bool {
				since := at.Sub(noon)
				return since >= age/30 && since <= age*6/10
			}) {
				t.Fatalf("%s: after %v there are only %v", name, age, taken)
			}
		}
	}
}

func TestLadderKeepsFirstAndNewest(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	climb(func() time.Duration { return time.Duration(rnd.ExpFloat64() * float64(time.Hour)) }, func(now time.Time, taken []time.Time) {
		if len(taken) > maxRungs {
			t.Fatalf("%d rungs", len(taken))
		}
		if !taken[0].Equal(noon) || !taken[len(taken)-1].Equal(now) {
			t.Fatalf("first and newest are gone: %v", taken)
		}
	})
}

func TestThinLadderInOneGo(t *testing.T) {
	if got := thinLadder(nil, noon); got != nil {
		t.Errorf("nothing to drop: %v", got)
	}
	// All at one moment, and in the future: six are still left.
	for _, now := range []time.Time{noon, noon.Add(-time.Hour), noon.Add(1000 * time.Hour)} {
		taken := slices.Repeat([]time.Time{noon}, 20)
		got := thinLadder(taken, now)
		if len(got) != 14 || !slices.IsSorted(got) || len(slices.Compact(got)) != 14 || got[0] == 0 || got[13] == 19 {
			t.Errorf("drops %v", got)
		}
	}
}

func TestWriteBaselineThins(t *testing.T) {
	s := openTestStore(t, Config{})
	for i := range 48 {
		at := noon.Add(time.Duration(i) * time.Hour)
		for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
			b, err := s.WriteBaseline(kind, at, 7, content("x"))
			if err != nil {
				t.Fatal(err)
			}
			if b.Kind != kind || !b.Taken.Equal(at) || b.Size != 1 || len(b.SHA256) != 64 {
				t.Fatalf("got %+v", b)
			}
		}
	}
	all := s.Baselines()
	if len(all) != 2*maxRungs || !slices.IsSortedFunc(all, func(a, b BaselineFile) int { return a.Taken.Compare(b.Taken) }) {
		t.Errorf("got %v", all)
	}
	var files []string
	for _, path := range tree(t, filepath.Join(s.Dir(), layout.BaselineDir)) {
		if strings.HasSuffix(path, ".pb.gz") {
			files = append(files, layout.BaselineDir+"/"+path)
		}
	}
	var listed []string
	for _, b := range all {
		listed = append(listed, b.path)
	}
	slices.Sort(listed)
	if !slices.Equal(files, listed) {
		t.Errorf("on disk %q\nlisted  %q", files, listed)
	}

	last := noon.Add(47 * time.Hour)
	for _, test := range []struct{ onset, want time.Time }{
		{last.Add(time.Hour), last},                          // older than the onset, and the newest of these
		{last, all[len(all)-3].Taken},                        // strictly older
		{noon.Add(time.Minute), noon},                        // only the first is older
		{noon.Add(-time.Hour), noon},                         // none is older: the oldest
		{all[4].Taken.Add(time.Nanosecond), all[4].Taken},    // between two
		{all[4].Taken.Add(-time.Nanosecond), all[4-2].Taken}, // and just before
	} {
		if b, ok := s.BaselineBefore(profile.Heap, test.onset); !ok || b.Kind != profile.Heap || !b.Taken.Equal(test.want) {
			t.Errorf("before %v: %v, %v, want %v", test.onset, b.Taken, ok, test.want)
		}
	}
	if _, ok := s.BaselineBefore(profile.CPU, last); ok {
		t.Error("there is no CPU baseline")
	}
}

func TestWriteBaselineReplacesAndFails(t *testing.T) {
	s := openTestStore(t, Config{})
	for _, text := range []string{"one", "two"} {
		if _, err := s.WriteBaseline(profile.Heap, noon, 7, content(text)); err != nil {
			t.Fatal(err)
		}
	}
	if all := s.Baselines(); len(all) != 1 {
		t.Fatalf("one moment has one baseline: %v", all)
	}
	path := filepath.Join(s.Dir(), s.Baselines()[0].path)
	checkFile(t, path, "two")
	boom := errors.New("boom")
	if _, err := s.WriteBaseline(profile.Heap, noon.Add(time.Hour), 7, func(io.Writer) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if _, err := s.WriteBaseline(profile.Kind(99), noon, 7, content("x")); err == nil {
		t.Error("there is no such kind")
	}
	if _, err := s.WriteBaseline(profile.Heap, noon.Add(time.Hour), 7, content(strings.Repeat("x", int(s.maxBytes/48)+1))); !errors.Is(err, confined.ErrTooLarge) {
		t.Errorf("over its share: %v", err)
	}
	if all := s.Baselines(); len(all) != 1 {
		t.Errorf("what failed is listed: %v", all)
	}
	checkNoTemps(t, s.Dir())
}

// Two runs of a program, or two stores in one run, have separate ladders.
func TestLaddersAreSweptWhenTheirOwnerIsGone(t *testing.T) {
	dir := t.TempDir()
	one := openTestStore(t, Config{Dir: dir})
	b, err := one.WriteBaseline(profile.Heap, noon, 7, content("calm"))
	if err != nil {
		t.Fatal(err)
	}
	two := openTestStore(t, Config{Dir: dir})
	if got := two.Baselines(); len(got) != 0 {
		t.Errorf("another store's baselines: %v", got)
	}
	checkFile(t, filepath.Join(dir, b.path), "calm")
	ladder := filepath.Dir(filepath.Join(dir, b.path))
	one.Close()
	if !locks {
		// By age then.
		old := time.Now().Add(-staleLadder - time.Hour)
		for _, name := range []string{layout.LockName, filepath.Base(b.path)} {
			if err := os.Chtimes(filepath.Join(ladder, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := two.Prune(noon); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(ladder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a closed store's ladder is still there: %v", err)
	}
	if _, err := two.WriteBaseline(profile.Heap, noon, 7, content("x")); err != nil {
		t.Errorf("the living one was swept too: %v", err)
	}
}

// A profile of an incident becomes a rung, which outlives the incident.
func TestAdoptBaseline(t *testing.T) {
	s := openTestStore(t, Config{})
	if _, err := s.WriteBaseline(profile.Heap, noon, 7, content("calm")); err != nil {
		t.Fatal(err)
	}
	f := createTest(t, s, noon.Add(time.Minute), "manual")
	a, err := f.Write("heap-fresh.pb.gz", content("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	at := noon.Add(time.Minute)
	for range 2 { // the second time it is a link onto itself
		if _, err := s.AdoptBaseline(f, a, at, 12); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Baselines()
	if len(all) != 2 || !all[1].Taken.Equal(at) || all[1].Goroutines != 12 || all[1].SHA256 != a.SHA256 || all[0].Goroutines != 7 {
		t.Fatalf("got %+v", all)
	}
	checkNoTemps(t, s.Dir())
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, filepath.Join(s.Dir(), all[1].path), "fresh")
	next := createTest(t, s, noon.Add(2*time.Minute), "manual")
	if _, err := next.Link("heap-base.2.pb.gz", all[1]); err != nil {
		t.Error(err)
	}
	report, err := next.Write("report.md", content("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdoptBaseline(next, report, at, 0); err == nil {
		t.Error("a report became a baseline")
	}
	large, err := next.Write("heap.pb.gz", content(strings.Repeat("x", int(s.maxBytes/baselineShare)+1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AdoptBaseline(next, large, at, 0); !errors.Is(err, confined.ErrTooLarge) {
		t.Errorf("over its share: %v", err)
	}
	if len(s.Baselines()) != 2 {
		t.Errorf("what failed is listed: %v", s.Baselines())
	}
}
