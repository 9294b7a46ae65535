package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/filelock"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile"
)

// maxRungs is how many baselines of a kind are kept.
const maxRungs = 6

// BaselineFile is a profile from calm times, kept for comparison.
type BaselineFile struct {
	Kind   profile.Kind
	Taken  time.Time
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
	// Goroutines is how many there were at that time; 0: not known.
	Goroutines int64

	path string // below the store's folder
}

// ladder is the folder of this process's baselines. A process has its own,
// because a profile of another run, let alone of another build, cannot be
// subtracted.
//
// Baselines are rare, so the folder is opened for each: a process has few descriptors
// to spare.
type ladder struct {
	name string
	lock *os.File // locked while we are alive
}

// newLadder creates the ladder, and with it the owner that names of temporary
// files contain.
func (s *Store) newLadder(root *os.Root) (*ladder, error) {
	if err := root.Mkdir(layout.BaselineDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	base, err := confined.OpenDir(root, layout.BaselineDir)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	start := time.Now()
	for range 8 {
		owner := strconv.Itoa(os.Getpid()) + "-" + layout.Hex4()
		l := &ladder{name: layout.LadderName(start, owner)}
		if err = l.create(base); err == nil {
			s.owner.Store(&owner)
			return l, nil
		}
		// A sweeping process may have taken it for dead before it was locked,
		// or another process chose the same name.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) && !errors.Is(err, ErrInUse) {
			break
		}
	}
	return nil, err
}

// path returns the path of a baseline below the store's folder.
func (l *ladder) path(name string) string { return layout.BaselineDir + "/" + l.name + "/" + name }

func (l *ladder) create(base *os.Root) (err error) {
	if err := base.Mkdir(l.name, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.close()
			base.Remove(l.name)
		}
	}()
	dir, err := confined.OpenDir(base, l.name)
	if err != nil {
		return err
	}
	defer dir.Close()
	if l.lock, err = dir.OpenFile(layout.LockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if taken, err := filelock.Try(l.lock); err == nil && !taken {
		return ErrInUse
	}
	// A faster sweeper may have unlinked it before we locked it.
	_, err = base.Lstat(l.name + "/" + layout.LockName)
	return err
}

// open opens the folder below the store's, unless another has taken its place.
func (l *ladder) open(root *os.Root) (*os.Root, error) {
	base, err := confined.OpenDir(root, layout.BaselineDir)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	dir, err := confined.OpenDir(base, l.name)
	if err != nil {
		return nil, err
	}
	ours, err := l.lock.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = dir.Lstat(layout.LockName); err == nil && !os.SameFile(ours, there) {
			err = errors.New("the folder of baselines was replaced")
		}
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func (l *ladder) close() error {
	if l.lock == nil {
		return nil
	}
	return l.lock.Close()
}

// WriteBaseline stores what write writes as a baseline of the kind, taken at
// that time, when there were that many goroutines. It then thins the ladder of
// the kind to six: the first, the newest, and four between with ages spread to
// include about 1 h, 6 h and 24 h. If write fails nothing is kept. WriteBaseline does not sync, because a
// baseline is of no use to another process.
func (s *Store) WriteBaseline(kind profile.Kind, at time.Time, goroutines int64, write func(io.Writer) error) (BaselineFile, error) {
	fail := func(err error) (BaselineFile, error) {
		return BaselineFile{}, fmt.Errorf("store: write %v baseline in %s: %w", kind, s.dir, err)
	}
	l, root, err := s.ladderFor(kind, at)
	if err != nil {
		return fail(err)
	}
	name := layout.BaselineName(kind.String(), at)
	dir, err := l.open(root)
	if err != nil {
		return fail(err)
	}
	defer dir.Close()
	size, sum, err := confined.WriteWhole(dir, s.tempName(), name, s.maxBytes/baselineShare, false, write)
	if err != nil {
		return fail(err)
	}
	b := BaselineFile{Kind: kind, Taken: at, Size: size, SHA256: sum, Goroutines: goroutines, path: l.path(name)}
	return b, s.keepRung(dir, b)
}

// baselineShare: a baseline takes at most 1/48 of MaxBytes, so all of them take at most
// a quarter.
const baselineShare = 48

// ladderFor returns the ladder for a baseline of that kind and time, and the store's
// folder.
func (s *Store) ladderFor(kind profile.Kind, at time.Time) (*ladder, *os.Root, error) {
	if _, err := kind.MarshalText(); err != nil {
		return nil, nil, err
	}
	if err := layout.ValidStamp(at); err != nil {
		return nil, nil, err
	}
	root, err := s.attached()
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ladder == nil {
		return nil, nil, fs.ErrClosed
	}
	return s.ladder, root, nil
}

// keepRung lists a baseline that has been written, and thins the ladder in dir.
func (s *Store) keepRung(dir *os.Root, b BaselineFile) error {
	for _, d := range s.addRung(b) {
		if err := dir.Remove(layout.BaselineName(d.Kind.String(), d.Taken)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: remove old %v baseline: %w", d.Kind, err)
		}
	}
	return nil
}

// addRung adds a baseline to the list and returns those that it removes from
// it.
func (s *Store) addRung(b BaselineFile) (dropped []BaselineFile) {
	s.rungsMu.Lock()
	defer s.rungsMu.Unlock()
	rungs := slices.DeleteFunc(slices.Clone(s.rungs), func(o BaselineFile) bool { return o.path == b.path })
	rungs = append(rungs, b)
	slices.SortStableFunc(rungs, func(a, b BaselineFile) int { return a.Taken.Compare(b.Taken) })
	var taken []time.Time
	var index []int
	for i, o := range rungs {
		if o.Kind == b.Kind {
			taken, index = append(taken, o.Taken), append(index, i)
		}
	}
	for _, d := range slices.Backward(thinLadder(taken, b.Taken)) {
		dropped = append(dropped, rungs[index[d]])
		rungs = slices.Delete(rungs, index[d], index[d]+1)
	}
	s.rungs = rungs
	return dropped
}

func (s *Store) setRungs(rungs []BaselineFile) {
	s.rungsMu.Lock()
	defer s.rungsMu.Unlock()
	s.rungs = rungs
}

// Baselines returns this process's baselines of all kinds, oldest first. It
// never waits for the disk.
func (s *Store) Baselines() []BaselineFile {
	s.rungsMu.Lock()
	defer s.rungsMu.Unlock()
	return slices.Clone(s.rungs)
}

// BaselineBefore returns the baseline for a growth that began at onset: the
// newest of the kind that is older or, if there is none, the oldest; so it is
// the oldest for the zero time. It never waits for the disk.
func (s *Store) BaselineBefore(kind profile.Kind, onset time.Time) (BaselineFile, bool) {
	var best BaselineFile
	found := false
	for _, b := range s.Baselines() {
		if b.Kind != kind || found && !b.Taken.Before(onset) {
			continue
		}
		best, found = b, true
	}
	return best, found
}

// thinLadder returns which of the baselines, oldest first, to remove so that
// six remain. The first and the newest always stay. Of the others it removes
// the one whose absence leaves the smallest gap on a logarithmic scale of ages.
// On that scale all ages beyond 48 h are equal, and those under half an hour
// are close together. The rungs thus spread evenly at whatever pace baselines
// are taken, and one of 'about an hour' is there to become 'about six'.
// (Keeping the one nearest to each of 1 h, 6 h and 24 h does not work: nothing
// is left that could grow into the next.)
func thinLadder(taken []time.Time, now time.Time) (drop []int) {
	keep := make([]int, len(taken))
	for i := range keep {
		keep[i] = i
	}
	age := func(i int) float64 {
		a := min(max(now.Sub(taken[i]), 0), 48*time.Hour)
		return math.Log2((a + 30*time.Minute).Minutes())
	}
	for len(keep) > maxRungs {
		worst, hole := 1, math.Inf(1)
		for i := 1; i < len(keep)-1; i++ {
			// Of equal gaps the older baseline goes: it is the one beyond 48 h.
			if h := age(keep[i-1]) - age(keep[i+1]); h < hole {
				worst, hole = i, h
			}
		}
		drop = append(drop, keep[worst])
		keep = slices.Delete(keep, worst, worst+1)
	}
	slices.SortFunc(drop, cmp.Compare[int])
	return drop
}

// isBaseline reports whether a store may have written a file of that name in a
// ladder.
func isBaseline(name string) bool {
	kind, ok := layout.ParseBaseline(name)
	var k profile.Kind
	return ok && k.UnmarshalText([]byte(kind)) == nil
}
