package evidence

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// newTestTaker returns a Taker with a folder of the test's.
func newTestTaker(t *testing.T) *Taker {
	t.Helper()
	store, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	taker := NewTaker(Config{
		Store: store, Log: slog.New(slog.DiscardHandler), CPUProfile: time.Minute,
		FolderMade: func(string) {}, Stepped: func(incident.CaptureStep) {}, Baselined: func(bool) {},
		Panicked: func() { t.Error("a panic") }, First: func(string) bool { return true },
	})
	t.Cleanup(func() { taker.Wait(); taker.Close(); store.Close() })
	return taker
}

// job is a round of evidence for an incident of its own.
func job(kinds ...profile.Kind) Job {
	return Job{Context: context.Background(), ID: layout.NewID(time.Now(), "test"), Record: NewRecord(incident.Manifest{Rule: "test"}),
		Kinds: kinds, Seq: 1, Collecting: func(Result) {}, Finishing: func(Result) {}}
}

func take(t *testing.T, taker *Taker, j Job) Result {
	t.Helper()
	done := make(chan Result, 1)
	taker.Go(j, func(res Result) { done <- res })
	res := <-done
	if res.Err != nil {
		t.Fatal(res.Err)
	}
	return res
}

func files(list []incident.Artefact) (names []string) {
	for _, a := range list {
		names = append(names, a.Name)
	}
	return names
}

// A survey may be at the stacks of a million goroutines. The runtime takes them for
// one caller at a time, so the heap comes first then.
func TestHeapComesFirstDuringACensus(t *testing.T) {
	taker := newTestTaker(t)
	taker.stacks.Lock()
	first := files(take(t, taker, job(profile.Heap, profile.Goroutine)).Artefacts)
	taker.stacks.Unlock()
	if first[0] != "heap.pb.gz" || first[1] != "goroutine.pb.gz" {
		t.Errorf("during a census the files are %q", first)
	}
	if first = files(take(t, taker, job(profile.Heap, profile.Goroutine)).Artefacts); first[0] != "goroutine.pb.gz" {
		t.Errorf("without a census the files are %q", first)
	}
}

// A round says when its first files are safe and when only what takes its time is
// left, and another one does not wait for that.
func TestRoundsDoNotWaitForEachOther(t *testing.T) {
	taker := newTestTaker(t)
	var reached []string
	finishing, done := make(chan struct{}), make(chan Result, 1)
	slow := job(profile.CPU, profile.Heap)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	slow.Context = ctx
	slow.Collecting = func(res Result) { reached = append(reached, "collecting", files(taker.Folder(slow.ID).Artefacts())[0]) }
	slow.Finishing = func(res Result) {
		if res.Live == 0 {
			t.Error("what lives is not known")
		}
		reached = append(reached, "finishing")
		close(finishing)
	}
	taker.Go(slow, func(res Result) { done <- res })
	<-finishing
	if res := take(t, taker, job(profile.Heap, profile.Goroutine)); !slices.Equal(res.Saved, []profile.Kind{profile.Heap, profile.Goroutine}) {
		t.Errorf("saved are %v", res.Saved)
	}
	select {
	case <-done:
		t.Fatal("the CPU profile is over")
	default:
	}
	cancel()
	if res := <-done; res.Err != nil || !slices.Contains(files(res.Artefacts), "cpu.pb.gz") {
		t.Errorf("files %q, %v", files(res.Artefacts), res.Err)
	}
	if want := []string{"collecting", "heap.pb.gz", "finishing"}; !slices.Equal(reached, want) {
		t.Errorf("reached %q, want %q", reached, want)
	}
}

// A baseline that is being taken when a round begins gives way: what is the matter
// now is not calm.
func TestABaselineGivesWay(t *testing.T) {
	taker := newTestTaker(t)
	taker.taking.Add(1)
	taker.Baseline()
	taker.taking.Add(-1)
	if len(taker.cfg.Store.Baselines()) != 0 || !taker.LostBaseline() {
		t.Error("a baseline was taken during a round of evidence")
	}
	taker.Baseline()
	if len(taker.cfg.Store.Baselines()) != 2 || taker.LostBaseline() {
		t.Error("no baseline was taken afterwards")
	}
}

// What is kept of a long incident is bounded in memory too.
func TestRecordIsBounded(t *testing.T) {
	r := NewRecord(incident.Manifest{})
	for i := range 100_000 {
		r.Decide("again")
		r.Capture(incident.CaptureRecord{Seq: i + 1})
		r.Capture(incident.CaptureRecord{Seq: i + 1, Steps: []incident.CaptureStep{{Kind: profile.Heap}}})
	}
	if c := cap(r.decisions.newest) + cap(r.captures.newest); c > 4*keptNewest {
		t.Errorf("there is room for %d in memory", c)
	}
	m := r.Snapshot()
	if n := len(m.Captures); n != keptFirst+keptNewest || m.Captures[0].Seq != 1 || m.Captures[n-1].Seq != 100_000 || len(m.Captures[n-1].Steps) != 1 {
		t.Errorf("%d captures are kept, %+v to %+v", n, m.Captures[0], m.Captures[n-1])
	}
	if want := "99944 decisions and 99944 captures are omitted here"; m.Decisions[keptFirst].Text != want {
		t.Errorf("the gap says %q, want %q", m.Decisions[keptFirst].Text, want)
	}
}
