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
	// belong to one ramp.
	rampGap = 24 * time.Hour
	// freshFor is how long an incident without a manifest counts as being
	// written, if the file system has no locks.
	freshFor = 10 * time.Minute
	// clockError is how far ahead of the clock an incident's time may be. Shared folders
	// are written by hosts whose clocks differ.
	clockError = time.Hour
	// mostDeaths is how many incidents that report a death are kept.
	mostDeaths = 4
)

// limits are the limits of retention.
type limits struct {
	Bytes     int64
	Incidents int
	Age       time.Duration // negative: no limit
}

// kept is an incident as retention sees it.
type kept struct {
	ID     string
	Rule   string
	Opened time.Time
	Size   int64 // bytes
	Pinned bool  // in use or wanted: must not be removed
}

// retain returns the incidents to remove, oldest first, to stay within the
// limits. An incident from the future counts as older than all others, because its time
// is wrong, and evidence of today must not give way to it.
//
// It never removes the newest incident, or a pinned one. It removes the first
// of the newest ramp of a rule only after all others, because the start of a
// leak is worth more than its tenth repetition. A ramp is a run of incidents of
// one rule in which each opened within 24 h of the one before. While the newest
// of a ramp is within the age limit, its first does not expire. Of incidents
// that report a death, retain keeps only the newest four and the first of the
// ramp.
func retain(incidents []kept, lim limits, now time.Time) (remove []string) {
	list := slices.Clone(incidents)
	future := func(k kept) bool { return k.Opened.Sub(now) > clockError }
	order := func(k kept) int {
		if future(k) {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b kept) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	var size int64
	firsts := make(map[string]kept) // by rule: first of its newest ramp
	newest := make(map[string]kept) // by rule
	for _, k := range list {
		size += k.Size
		if last, ok := newest[k.Rule]; !ok || future(k) != future(last) || k.Opened.Sub(last.Opened) > rampGap {
			firsts[k.Rule] = k
		}
		newest[k.Rule] = k
	}
	old := func(k kept) bool { return lim.Age >= 0 && now.Sub(k.Opened) > lim.Age }
	const (
		first   = 1 << iota // first of a ramp that is not over
		forever             // pinned, or the newest of all
	)
	rank := func(i int) int {
		switch k := list[i]; {
		case k.Pinned || i == len(list)-1:
			return forever
		case firsts[k.Rule].ID == k.ID && !old(newest[k.Rule]) && !future(k):
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
	// A process that dies every minute must not push out the evidence for it.
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

// Prune removes whole incidents until the store is within its limits, and
// whatever dead processes left unfinished. It keeps the newest incident, those
// in keep, and those that a live process has open. The first of a ramp, a run
// of incidents of one rule in which each opened within 24 h of the one before,
// is the last to go. Prune returns how many incidents it removed, even with an
// error, which names those that it could not remove.
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
			// Another process removed it first, or has opened it since.
		default:
			errs = append(errs, fmt.Errorf("store: remove incident %s: %w", id, err))
		}
	}
	return removed, errors.Join(errs...)
}

// weigh returns an incident's size in bytes and whether a process has it open.
// ok is false if it is gone or is not an incident. A baseline linked into it
// counts twice, because it is the incident's alone once its process is dead.
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
	default: // no locks on this file system
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

// removeIncident first renames the incident's folder to a temporary name and
// then removes it, so that nobody ever lists half an incident, and the next
// sweep continues if we are killed. A folder with foreign files keeps its name
// and those files.
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
	dir.Close() // Windows cannot rename an open folder
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
	// Try again if a delivery was recorded in it meanwhile.
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

// removeContents removes the store's files from an incident's folder, the
// manifest first: without a manifest the rest is recognised as a remainder.
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
