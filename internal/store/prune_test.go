package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// locks reports whether the platform has locks; elsewhere age decides.
var locks = slices.Contains([]string{"darwin", "dragonfly", "freebsd", "linux", "netbsd", "openbsd"}, runtime.GOOS)

func TestRetain(t *testing.T) {
	const day = 24 * time.Hour
	loose := limits{Bytes: 1000, Incidents: 100, Age: 30 * day}
	// Each incident has a rule, hours after the start, and bytes. Its index is
	// its name.
	type inc struct {
		rule  string
		hours float64
		size  int64
	}
	for _, test := range []struct {
		name   string
		list   []inc
		pinned []int
		lim    limits
		now    float64 // hours after the start
		remove []int
	}{
		{"nothing", nil, nil, loose, 0, nil},
		{"all fits", []inc{{"a", 0, 10}, {"a", 1, 10}}, nil, loose, 2, nil},
		{"the oldest of a ramp go, not its first", []inc{{"a", 0, 400}, {"a", 1, 400}, {"a", 2, 400}, {"a", 3, 200}}, nil, loose, 4, []int{1}},
		{"of an older ramp the first goes", []inc{{"a", 0, 400}, {"a", 30, 400}, {"a", 31, 400}}, nil, loose, 32, []int{0}},
		{"exactly 24 h apart is a ramp", []inc{{"a", 0, 400}, {"a", 24, 400}, {"a", 48, 400}}, nil, loose, 49, []int{1}},
		{"each rule has its own ramp", []inc{{"a", 0, 300}, {"b", 1, 300}, {"a", 2, 300}, {"b", 3, 300}}, nil, loose, 4, []int{2}},
		{"firsts go when the rest has gone", []inc{{"a", 0, 600}, {"b", 1, 300}, {"b", 2, 600}}, nil, loose, 3, []int{0}},
		{"the newest stays though it alone is too large", []inc{{"a", 0, 10}, {"a", 1, 5000}}, nil, loose, 2, []int{0}},
		{"the newest stays though it is too old", []inc{{"a", 0, 10}, {"a", 1, 10}}, nil, loose, 1000, []int{0}},
		{"too old", []inc{{"a", 0, 10}, {"b", 700, 10}, {"c", 719, 10}}, nil, loose, 721, []int{0}},
		{"exactly 30 days is not too old", []inc{{"a", 0, 10}, {"c", 719, 10}}, nil, loose, 720, nil},
		{"the first of a ramp that goes on has no age", []inc{{"a", 0, 10}, {"a", 20, 10}, {"a", 40, 10}, {"b", 41, 10}}, nil, limits{1000, 100, day}, 45, []int{1}},
		{"a ramp that has ended goes whole", []inc{{"a", 0, 10}, {"a", 20, 10}, {"b", 100, 10}}, nil, limits{1000, 100, day}, 101, []int{0, 1}},
		{"however old, if so asked", []inc{{"a", 0, 10}, {"b", 1, 10}}, nil, limits{1000, 100, -1}, 1e6, nil},
		{"too many", []inc{{"a", 0, 1}, {"b", 1, 1}, {"c", 2, 1}, {"c", 3, 1}}, nil, limits{1000, 3, -1}, 4, []int{0}},
		{"one only", []inc{{"a", 0, 1}, {"b", 1, 1}, {"c", 2, 1}}, nil, limits{1000, 1, -1}, 4, []int{0, 1}},
		{"open ones stay whatever it costs", []inc{{"a", 0, 900}, {"b", 1, 900}, {"c", 2, 900}, {"d", 3, 900}}, []int{0, 2}, limits{1000, 1, day}, 1000, []int{1}},
		{"what is dated ahead of the clock goes first", []inc{{"a", 9000, 1}, {"b", 9001, 1}, {"a", 0, 1}, {"a", 1, 1}, {"a", 2, 1}}, nil, limits{1000, 3, -1}, 3, []int{0, 1}},
		{"it begins no ramp", []inc{{"a", 9000, 10}, {"a", 0, 400}, {"a", 1, 400}, {"a", 2, 400}}, nil, loose, 3, []int{0, 2}},
		{"a clock that is a little slow is right", []inc{{"a", 0, 1}, {"b", 2.9, 1}}, nil, limits{1000, 1, -1}, 2, []int{0}},
		{"no room at all", []inc{{"a", 0, 10}, {"a", 1, 10}}, nil, limits{-5, 100, -1}, 2, []int{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var list []kept
			for i, in := range test.list {
				list = append(list, kept{ID: fmt.Sprint(i), Rule: in.rule, Opened: noon.Add(time.Duration(in.hours * float64(time.Hour))), Size: in.size, Pinned: slices.Contains(test.pinned, i)})
			}
			var want []string
			for _, i := range test.remove {
				want = append(want, fmt.Sprint(i))
			}
			rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			if got := retain(list, test.lim, noon.Add(time.Duration(test.now*float64(time.Hour)))); !slices.Equal(got, want) {
				t.Errorf("removes %q, want %q", got, want)
			}
		})
	}
}

func TestRetainProperties(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		var list []kept
		for i := range rnd.IntN(30) {
			list = append(list, kept{
				ID: fmt.Sprint(i), Rule: fmt.Sprint(rnd.IntN(3)), Size: rnd.Int64N(200), Pinned: rnd.IntN(10) == 0,
				Opened: noon.Add(time.Duration(rnd.IntN(60*24)) * time.Hour),
			})
		}
		lim := limits{Bytes: rnd.Int64N(2000), Incidents: 1 + rnd.IntN(20), Age: time.Duration(rnd.IntN(40*24)-24) * time.Hour}
		now := noon.Add(time.Duration(rnd.IntN(90*24)) * time.Hour)
		gone := retain(list, lim, now)
		var bytes int64
		var count, always int
		for i, k := range list {
			ahead := func(k kept) bool { return k.Opened.After(now.Add(clockError)) }
			newest := !slices.ContainsFunc(list, func(o kept) bool {
				if ahead(o) != ahead(k) {
					return ahead(k)
				}
				return o.Opened.After(k.Opened) || o.Opened.Equal(k.Opened) && o.ID > k.ID
			})
			if slices.Contains(gone, k.ID) {
				if newest || k.Pinned {
					t.Fatalf("seed %d: removed %+v, which is to stay", seed, list[i])
				}
				continue
			}
			bytes += k.Size
			count++
			if newest || k.Pinned {
				always++
			}
		}
		if (bytes > lim.Bytes || count > lim.Incidents) && count > always {
			t.Fatalf("seed %d: %d bytes and %d incidents are left of which only %d are to stay; limits %+v", seed, bytes, count, always, lim)
		}
		if again := retain(slices.DeleteFunc(list, func(k kept) bool { return slices.Contains(gone, k.ID) }), lim, now); bytes <= lim.Bytes && count <= lim.Incidents && len(again) > 0 && lim.Age < 0 {
			t.Fatalf("seed %d: removes %q of what fits", seed, again)
		}
	}
}

func TestPruneRemovesWholeIncidents(t *testing.T) {
	s := openTestStore(t, Config{MaxIncidents: 2})
	var ids []string
	for i := range 5 {
		ids = append(ids, keepIncident(t, s, noon.Add(time.Duration(i)*48*time.Hour), "heap", 10))
	}
	now := noon.Add(200 * time.Hour)
	if n, err := s.Prune(now, ids[1]); n != 3 || err != nil {
		t.Errorf("removed %d, %v; want 3", n, err)
	}
	list, err := s.Incidents()
	if err != nil || len(list) != 2 || list[0].ID != ids[1] || list[1].ID != ids[4] {
		t.Errorf("left: %v, %v", list, err)
	}
	checkNoTemps(t, s.Dir())
	if n, err := s.Prune(now.Add(10_000 * time.Hour)); n != 1 || err != nil {
		t.Errorf("a year later removed %d, %v; want all but the newest", n, err)
	}
}

func TestPruneCountsBytesAndBaselines(t *testing.T) {
	s := openTestStore(t, Config{MaxBytes: 16 << 20})
	m := int(s.maxBytes)
	for i := range 6 {
		keepIncident(t, s, noon.Add(time.Duration(i)*48*time.Hour), "heap", m/5)
	}
	if n, err := s.Prune(noon.Add(250 * time.Hour)); n != 2 || err != nil {
		t.Errorf("removed %d, %v; want 2, four fifths fit with their manifests", n, err)
	}
	for i := range 12 {
		if _, err := s.WriteBaseline(profile.Kind(i%2+1), noon.Add(time.Duration(i)*time.Hour), 7, content(string(make([]byte, m/50)))); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Prune(noon.Add(250 * time.Hour)); n != 1 || err != nil {
		t.Errorf("removed %d, %v; want 1, baselines count too", n, err)
	}
}

func TestPruneLeavesWhatIsNotOurs(t *testing.T) {
	s := openTestStore(t, Config{MaxIncidents: 1})
	old := keepIncident(t, s, noon, "heap", 1)
	open := createTest(t, s, noon.Add(time.Minute), "open")
	keepIncident(t, s, noon.Add(time.Hour), "heap", 1)

	theirs := map[string]string{
		"blackbox-1":                      "b",
		"notes.txt":                       "n",
		"20261120T110000.000Z/heap.pb.gz": "x",
		"20261120T110000.000Z-theirs-0000/Thesis.docx": "t",
		old + "/Thesis.docx":                           "t",
		"baseline/mine.pb.gz":                          "x",
		"baseline/20261120T110000.000Z-1/heap.pb.gz":   "x",
		".tmp-1":        "x",
		".tmp-1-zzzz-1": "x",
		".tmp-1-aaaa-":  "x",
	}
	for path, text := range theirs {
		path = filepath.Join(s.Dir(), path)
		mustMkdir(t, filepath.Dir(path))
		mustWrite(t, path, text)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	mustMkdir(t, outside)
	mustWrite(t, filepath.Join(outside, "heap.pb.gz"), "precious")
	if runtime.GOOS != "windows" {
		err := errors.Join(
			os.Symlink(outside, filepath.Join(s.Dir(), "20261120T110000.000Z-link-0000")),
			os.Symlink(outside, filepath.Join(s.Dir(), ".tmp-1-aaaa-1")),
			os.Symlink(filepath.Join(outside, "heap.pb.gz"), filepath.Join(s.Dir(), old, "goroutine.pb.gz")),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Prune(noon.Add(2*time.Hour), open.ID()); n != 1 || err != nil {
		t.Errorf("removed %d, %v; want 1", n, err)
	}
	for path, text := range theirs {
		checkFile(t, filepath.Join(s.Dir(), path), text)
	}
	checkFile(t, filepath.Join(outside, "heap.pb.gz"), "precious")
	if runtime.GOOS != "windows" {
		for _, link := range []string{"20261120T110000.000Z-link-0000", ".tmp-1-aaaa-1", old + "/goroutine.pb.gz"} {
			if _, err := os.Lstat(filepath.Join(s.Dir(), link)); err != nil {
				t.Errorf("somebody else's link: %v", err)
			}
		}
	}
	if _, err := os.Lstat(filepath.Join(s.Dir(), old, "heap.pb.gz")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("our file beside somebody else's stays: %v", err)
	}
	if _, err := os.Lstat(open.Path()); err != nil {
		t.Errorf("an open incident: %v", err)
	}
	list, err := s.Incidents()
	if err != nil || len(list) != 2 {
		t.Errorf("%d are listed, %v; want the open and the newest", len(list), err)
	}
}

// Nobody passes keep here, so only the lock says that the incident is open.
func TestPruneLeavesOpenIncidentsOfOthers(t *testing.T) {
	dir := t.TempDir()
	one := openTestStore(t, Config{Dir: dir})
	two := openTestStore(t, Config{Dir: dir, MaxIncidents: 2})
	f := createTest(t, one, noon, "open")
	next := keepIncident(t, two, noon.Add(time.Minute), "heap", 1)
	keepIncident(t, two, noon.Add(2*time.Minute), "other", 1)
	now := noon.Add(5 * time.Minute) // also fresh by age
	// It takes one of the places, so the next incident must go.
	if n, err := two.Prune(now); n != 1 || err != nil {
		t.Errorf("removed %d, %v; want 1", n, err)
	}
	if _, err := two.Incident(next); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the oldest that is not open: %v", err)
	}
	if _, err := f.Write("heap.pb.gz", content("x")); err != nil {
		t.Error(err)
	}
	f.Close()
	keepIncident(t, two, noon.Add(3*time.Minute), "third", 1)
	if n, err := two.Prune(now.Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("after its end removed %d, %v; want 1", n, err)
	}
	if _, err := two.Incident(f.ID()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is closed and the oldest: %v", err)
	}
}

func TestSweepTakesStaleTempsOnly(t *testing.T) {
	dir := t.TempDir()
	living := openTestStore(t, Config{Dir: dir})
	id := keepIncident(t, living, noon, "heap", 1)
	old := living.tempName()
	stale := []string{".tmp-1-aaaa-1/manifest.json", ".tmp-1-aaaa-1/heap.pb.gz", id + "/.tmp-4294967295-0123-7", id + "/" + old}
	fresh := []string{id + "/" + living.tempName(), living.tempName() + "/heap.pb.gz"}
	for _, path := range append(slices.Clone(stale), fresh...) {
		path = filepath.Join(dir, path)
		mustMkdir(t, filepath.Dir(path))
		mustWrite(t, path, "half")
	}
	long := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(filepath.Join(dir, id, old), long, long); err != nil {
		t.Fatal(err)
	}
	openTestStore(t, Config{Dir: dir})
	for _, path := range stale {
		if _, err := os.Lstat(filepath.Join(dir, path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, ".tmp-1-aaaa-1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a half removed incident is still there: %v", err)
	}
	for _, path := range fresh {
		checkFile(t, filepath.Join(dir, path), "half")
	}
}
