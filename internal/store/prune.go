package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/internal/layout"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// rampGap is how far apart two incidents of a rule may open and still
	// be one ramp.
	rampGap = 24 * time.Hour
	// freshFor is how long an incident without a manifest is taken to be in
	// the making, where the file system knows no locks.
	freshFor = 10 * time.Minute
	// mostDeaths is how many incidents are kept that tell of a death.
	mostDeaths = 4
)

// limits are the bounds of retention.
type limits struct {
	Bytes     int64
	Incidents int
	Age       time.Duration // negative: no bound
}

// kept is an incident as retention sees it.
type kept struct {
	ID     string
	Rule   string
	Opened time.Time
	Size   int64 // bytes
	Pinned bool  // open: not to be removed
}

// retain says which incidents to remove, oldest first, to stay within the
// limits. Never removed are the pinned ones and the newest. The first of the
// newest ramp of each rule goes only when all others have gone: where a leak
// began is worth more than its tenth repetition. A ramp is a run of incidents
// of a rule of which each opened within 24 h after the one before; while it is
// going on (its newest is within the age) its first has no age. Of incidents that
// tell of a death only the newest four are kept, and the first of the ramp.
func retain(incidents []kept, lim limits, now time.Time) (remove []string) {
	list := slices.Clone(incidents)
	slices.SortFunc(list, func(a, b kept) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	var size int64
	firsts := make(map[string]kept) // by rule, the first of its newest ramp
	newest := make(map[string]kept) // by rule
	for _, k := range list {
		size += k.Size
		if last, ok := newest[k.Rule]; !ok || k.Opened.Sub(last.Opened) > rampGap {
			firsts[k.Rule] = k
		}
		newest[k.Rule] = k
	}
	old := func(k kept) bool { return lim.Age >= 0 && now.Sub(k.Opened) > lim.Age }
	const (
		first   = 1 << iota // of a ramp that is going on
		forever             // pinned or the newest
	)
	rank := func(i int) int {
		switch k := list[i]; {
		case k.Pinned || i == len(list)-1:
			return forever
		case firsts[k.Rule].ID == k.ID && !old(newest[k.Rule]):
			return first
		}
		return 0
	}
	count := len(list)
	gone := make([]bool, len(list))
	pass := func(most int, wanted func(kept) bool) {
		for i, k := range list {
			if !gone[i] && rank(i) <= most && wanted(k) {
				gone[i] = true
				size -= k.Size
				count--
			}
		}
	}
	over := func(kept) bool { return size > lim.Bytes || count > lim.Incidents }
	// A process that dies every minute must not push out the evidence of why.
	var deaths []string
	for _, k := range list {
		if k.Rule == incident.RulePreviousDeath {
			deaths = append(deaths, k.ID)
		}
	}
	deaths = deaths[:max(0, len(deaths)-mostDeaths)]
	pass(0, func(k kept) bool { return slices.Contains(deaths, k.ID) })
	pass(0, old)
	pass(0, over)
	pass(first, over)
	for i, k := range list {
		if gone[i] {
			remove = append(remove, k.ID)
		}
	}
	return remove
}

// Prune removes whole incidents until the store is within its bounds, and what
// dead processes left half done. The newest incident stays, and those that keep
// names or that a live process has open; the first of a ramp of incidents (each
// within 24 h after the one before, of one rule) goes last. It returns how many
// it removed, also with an error, which is about those it could not remove.
func (s *Store) Prune(now time.Time, keep ...string) (removed int, err error) {
	return s.prune(now, 0, keep)
}

// MakeRoom prunes as [Store.Prune] does, to one incident less, so that one can be
// added.
func (s *Store) MakeRoom(now time.Time) (removed int, err error) { return s.prune(now, 1, nil) }

func (s *Store) prune(now time.Time, room int, keep []string) (removed int, err error) {
	s.pruning.Lock()
	defer s.pruning.Unlock()
	root, err := s.attached()
	if err != nil {
		return 0, fmt.Errorf("store: prune: %w", err)
	}
	sweep(root, time.Now())
	list, err := confined.Names(root)
	if err != nil {
		return 0, fmt.Errorf("store: prune %s: %w", s.dir, err)
	}
	var incidents []kept
	for _, id := range list {
		opened, rule, ok := layout.ParseID(id)
		if !ok {
			continue
		}
		size, open, ok := weigh(root, id, now)
		if !ok {
			continue
		}
		incidents = append(incidents, kept{ID: id, Rule: rule, Opened: opened, Size: size, Pinned: open || slices.Contains(keep, id)})
	}
	lim := s.limits
	lim.Bytes -= baselineBytes(root)
	lim.Incidents = max(lim.Incidents-room, 0)
	var errs []error
	for _, id := range retain(incidents, lim, now) {
		switch err := s.removeIncident(root, id); {
		case err == nil:
			removed++
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrInUse):
			// Another process was faster, or has opened it meanwhile.
		default:
			errs = append(errs, fmt.Errorf("store: remove incident %s: %w", id, err))
		}
	}
	return removed, errors.Join(errs...)
}

// weigh returns an incident's bytes and whether somebody has it open. It is not
// ok if it is gone or is none. A baseline that is linked into it counts twice:
// it is the incident's alone once its process is dead.
func weigh(root *os.Root, id string, now time.Time) (size int64, open, ok bool) {
	dir, err := confined.OpenDir(root, id)
	if err != nil {
		return 0, false, false
	}
	defer dir.Close()
	c, err := layout.Scan(dir)
	if err != nil || c.Alien() {
		return 0, false, false
	}
	switch lock, err := lockDir(dir); {
	case lock != nil:
		lock.Close()
	case err != nil:
		open = true
	default: // no locks here
		opened, _, _ := layout.ParseID(id)
		open = !c.Manifest && now.Sub(opened).Abs() < freshFor
	}
	return c.Size, open, true
}

func baselineBytes(root *os.Root) (size int64) {
	base, err := confined.OpenDir(root, layout.BaselineDir)
	if err != nil {
		return 0
	}
	defer base.Close()
	list, _ := confined.Names(base)
	for _, name := range list {
		if _, ok := layout.ParseLadder(name); !ok {
			continue
		}
		dir, err := confined.OpenDir(base, name)
		if err != nil {
			continue
		}
		files, _ := confined.Names(dir)
		for _, file := range files {
			if fi, err := dir.Lstat(file); err == nil && fi.Mode().IsRegular() && isBaseline(file) {
				size += fi.Size()
			}
		}
		dir.Close()
	}
	return size
}

// removeIncident takes an incident away at once, by giving its folder a temp
// name, and then removes it. So nobody ever lists half of it, and if we are
// killed the next sweep goes on. With somebody else's file in it the folder
// keeps its name, and they their file.
func (s *Store) removeIncident(root *os.Root, id string) error {
	dir, err := confined.OpenDir(root, id)
	if err != nil {
		return err
	}
	c, err := layout.Scan(dir)
	if err != nil {
		dir.Close()
		return err
	}
	lock, err := lockDir(dir)
	if err == nil {
		if lock != nil {
			defer lock.Close()
		}
		err = stillAt(root, id, dir)
	}
	dir.Close() // Windows renames no folder that is open
	if err != nil {
		return err
	}
	path := id
	if !c.Foreign {
		temp := s.tempName()
		if err := root.Rename(id, temp); err == nil {
			path = temp
		} else if errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Again, if a delivery was recorded in it at this very moment.
	for range 3 {
		if err = removeContents(root, path); err != nil || c.Foreign {
			return err
		}
		if err = root.Remove(path); err == nil {
			return nil
		}
	}
	return err
}

// removeContents removes the files of an incident that are the store's, the
// manifest first: without it the rest is taken for what it is, a remainder.
func removeContents(root *os.Root, path string) error {
	dir, err := confined.OpenDir(root, path)
	if err != nil {
		return err
	}
	defer dir.Close()
	list, err := confined.Names(dir)
	errs := []error{err}
	if i := slices.Index(list, layout.ManifestName); i > 0 {
		list[0], list[i] = list[i], list[0]
	}
	for _, name := range list {
		if _, temp := layout.ParseTemp(name); !temp && !layout.ValidName(name) {
			continue
		}
		if err := removeRegular(dir, name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, confined.ErrNotRegular) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
