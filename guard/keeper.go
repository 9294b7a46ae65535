package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/profile"
)

// queuedJobs bounds the work that waits for the keeper.
const queuedJobs = 16

// keeper takes and keeps the evidence. It is one goroutine: whatever touches
// the disk or takes a profile runs here, one after the other, and never on the
// loop.
type keeper struct {
	log      *slog.Logger
	store    *profile.Store // nil: no disk
	noGC     bool
	leaks    bool // goroutineleak opted in
	cpu      time.Duration
	gauge    *gauge
	counters *counters
	once     *onces
	// folderMade is told of each incident that has evidence in its folder.
	folderMade func(id string)

	jobs    chan func()
	stopped chan struct{}

	// lacksBaseline tells the loop that a baseline was lost.
	lacksBaseline atomic.Bool

	// Owned by the goroutine:
	runtime *goruntime.Reader
	folders map[string]*profile.Folder
	survey  *surveyor
	told    []string // the deaths whose folders are open, oldest first

	// looking says that the keeper looks for dead processes.
	looking atomic.Bool
}

// gauge is what the loop tells the keeper about now, in one word each.
type gauge struct {
	headroom   atomic.Int64  // bytes, or profile.Unknown
	rate       atomic.Uint64 // math.Float64bits, bytes per second
	goroutines atomic.Int64
	scan       atomic.Int64
	buckets    atomic.Int64

	// What a forced GC took when one was measured last; the keeper sets them.
	gcTook, gcScan atomic.Int64
}

func (g *gauge) set(v *view, r *profile.Reading) {
	g.headroom.Store(v.headroom)
	rate, _ := v.growth.rate()
	g.rate.Store(math.Float64bits(rate))
	g.goroutines.Store(int64(r.Goroutines))
	g.scan.Store(int64(r.ScanHeap))
	g.buckets.Store(int64(r.BuckHashSys))
}

// reading is as much of one as predictions need.
func (g *gauge) reading() *profile.Reading {
	r := profile.NewReading(time.Time{})
	r.Goroutines = profile.Count(g.goroutines.Load())
	r.BuckHashSys = profile.Bytes(g.buckets.Load())
	return &r
}

// gcTime predicts what a forced GC takes now.
func (g *gauge) gcTime() time.Duration {
	c := gcCost{took: time.Duration(g.gcTook.Load()), scan: g.gcScan.Load()}
	return c.predict(g.scan.Load())
}

func (g *gauge) currentRate() float64 { return math.Float64frombits(g.rate.Load()) }

// urgent reports whether memory is full within a second at the present rate:
// then whatever is not decisive is left.
func (g *gauge) urgent() bool {
	headroom, rate := g.headroom.Load(), g.currentRate()
	return headroom >= 0 && rate > 0 && float64(headroom) < rate
}

// do queues work; it reports whether there was room.
func (k *keeper) do(f func()) bool {
	select {
	case k.jobs <- f:
		return true
	default:
		k.counters.droppedJobs.Add(1)
		if k.once.first("jobs") {
			k.log.Warn("leakguard: work on evidence dropped, its queue is full; further drops are only counted")
		}
		return false
	}
}

// run is the keeper's goroutine. It ends when jobs is closed and done.
func (k *keeper) run() {
	defer close(k.stopped)
	for f := range k.jobs {
		k.guarded(f)
	}
	for _, f := range k.folders {
		f.Close()
	}
}

func (k *keeper) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			k.counters.panics.Add(1)
			if k.once.first("panic") {
				k.log.Error("leakguard: a panic in the guard was recovered; it goes on, further ones are only counted", "panic", p)
			}
		}
	}()
	f()
}

// captureJob is a round of evidence to be taken for an incident.
type captureJob struct {
	ctx      context.Context
	manifest profile.Manifest // all but this round and the artefacts
	kinds    KindSet
	seq      int
	onset    time.Time
	// suspicion, if not nil, makes it evidence of an incident that there may
	// not be.
	suspicion *suspicion
}

// captureResult is how it went.
type captureResult struct {
	id        string
	folder    string
	artefacts []profile.Artefact
	record    profile.CaptureRecord
	kinds     KindSet  // of which evidence is safe
	judged    []string // what forced GCs said of the suspicion
	live      int64    // live heap and stacks after the last forced GC; 0: none
	refuted   bool     // the suspicion was wrong, nothing is left
	err       error
}

// capture takes one round of evidence.
func (k *keeper) capture(j captureJob) (res captureResult) {
	res.id = j.manifest.ID
	res.record = profile.CaptureRecord{Seq: j.seq, Time: time.Now()}
	defer func() {
		if p := recover(); p != nil {
			k.counters.panics.Add(1)
			res.err = errors.Join(res.err, fmt.Errorf("guard: capture panicked: %v", p))
		}
	}()
	t := &take{keeper: k, job: j, res: &res}
	if j.suspicion != nil {
		t.judgement = doubtful
	}
	t.begin()
	folder, err := k.folder(j)
	if err != nil {
		// Whether there is an incident does not depend on the disk.
		res.err = err
		res.refuted = t.awaitJudgement() >= itIsKnown
		return res
	}
	res.folder = folder.Path()
	t.folder = folder
	t.run()
	if t.judgement >= itIsKnown {
		res.refuted = true
		delete(k.folders, folder.ID())
		if err := folder.Discard(); err != nil {
			k.log.Debug("leakguard: the evidence of a refuted suspicion could not be discarded", "error", err)
		}
		return res
	}

	// Nothing below is needed for the evidence to survive the process.
	if err := folder.Sync(); err != nil {
		res.err = errors.Join(res.err, err)
	}
	j.manifest.Captures = append(j.manifest.Captures, res.record)
	for _, text := range res.judged {
		j.manifest.Decisions = append(j.manifest.Decisions, profile.Decision{Time: time.Now(), Text: text})
	}
	if err := folder.WriteManifest(j.manifest); err != nil {
		res.err = errors.Join(res.err, err)
	}
	res.artefacts = folder.Artefacts()
	if res.kinds == 0 && res.err == nil {
		res.err = nothingSaved(res.record.Steps)
	}
	k.folderMade(j.manifest.ID)
	if _, err := k.store.Prune(time.Now(), j.manifest.ID); err != nil && k.once.first("prune") {
		k.log.Warn("leakguard: old evidence could not be removed", "dir", k.store.Dir(), "error", err)
	}
	return res
}

func (k *keeper) admitAllocation(predicted int64) (ok bool, why string) {
	// What is free is read now: the GC cycle of this very capture may have
	// made room that the loop has not seen yet.
	var s goruntime.Stat
	k.runtime.Read(&s)
	return admitAllocation(k.gauge.headroom.Load(), s.HeapIdle-s.HeapReleased, predicted)
}

// nothingSaved says why a capture that did not fail has nothing to show.
func nothingSaved(steps []profile.Step) error {
	errs := []error{errors.New("guard: nothing was saved")}
	for _, s := range steps {
		errs = append(errs, fmt.Errorf("%s %s: %s", s.Kind, s.Outcome, s.Reason))
	}
	return errors.Join(errs...)
}

// held asks the runtime what is in the heap; after a GC.
func (k *keeper) held() held {
	var s goruntime.Stat
	k.runtime.Read(&s)
	return held{heap: s.HeapAlloc, live: s.HeapLive + s.StackInuse}
}

// folder returns the incident's folder, which is made with its first capture,
// and anew if somebody has removed it: nothing can be written to a removed one.
func (k *keeper) folder(j captureJob) (*profile.Folder, error) {
	if k.store == nil {
		return nil, errors.New("guard: no folder to keep evidence in")
	}
	if f := k.folders[j.manifest.ID]; f != nil {
		if _, err := os.Lstat(f.Path()); !errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		delete(k.folders, f.ID())
		f.Close()
	}
	f, err := k.store.CreateID(j.manifest.ID)
	if err != nil {
		return nil, err
	}
	k.folders[f.ID()] = f
	return f, nil
}

// finish writes an incident's last manifest and gives its folder back.
func (k *keeper) finish(m profile.Manifest) {
	f := k.folders[m.ID]
	if f == nil {
		return
	}
	delete(k.folders, m.ID)
	err := errors.Join(f.WriteManifest(m), f.Close())
	if err != nil && k.once.first("manifest") {
		k.log.Warn("leakguard: the manifest of a closed incident could not be written", "incident", m.ID, "error", err)
	}
}

// baseline keeps a profile of calm times of each kind.
func (k *keeper) baseline() {
	if k.store == nil {
		return
	}
	if !k.noGC {
		// Without it the profile would lack what was allocated in the last
		// two cycles, and an incident would blame that.
		if took, err := collect(); err == nil {
			k.gauge.gcTook.Store(int64(took))
			k.gauge.gcScan.Store(k.gauge.scan.Load())
		}
	}
	for _, kind := range []profile.Kind{profile.Heap, profile.Goroutine} {
		r := k.gauge.reading()
		if ok, why := k.admitAllocation(profile.PredictCapture(kind, r)); !ok {
			k.lostBaseline(kind, errors.New(why))
			continue
		}
		_, err := k.store.WriteBaseline(kind, time.Now(), func(w io.Writer) error { return profile.Capture(w, kind) })
		if err != nil {
			k.lostBaseline(kind, err)
			continue
		}
		k.counters.baselines.Add(1)
	}
}

func (k *keeper) lostBaseline(kind profile.Kind, err error) {
	k.counters.failedBaselines.Add(1)
	k.lacksBaseline.Store(true)
	if k.once.first("baseline") {
		k.log.Warn("leakguard: a baseline profile was not kept, an incident may have none to compare with; further ones are only counted",
			"kind", kind.String(), "error", err)
	}
}
