package census

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// maxSites bounds the number of sites that a watch follows, and so its memory, to 1
// MB.
const maxSites = 512

// Watch follows the sites of one process over time and says which ones leak. It
// reads no clock. It must be used by one goroutine at a time.
type Watch struct {
	time  timeline
	sites map[Key]*site
}

type site struct {
	key     Key
	forever bool
	seen    int // number of the last census that counted it
	history
	rise   finding // the newest one
	leak   *leak   // nil unless it leaks
	proven uint32  // its count when it was proven; 0 if it was not
}

// leak is a growth that was found to be a leak.
type leak struct {
	trial        // the one that found it, its beginning moved back to the onset
	top   uint32 // highest count since
	topAt time.Duration
}

// NewWatch returns a watch without any history.
func NewWatch() *Watch { return &Watch{sites: make(map[Key]*site)} }

// Observe adds a census that was taken at the given time, such as the time since
// the process started. A census that is not later than the one before is ignored.
func (w *Watch) Observe(at time.Duration, groups []Group) {
	if w.time.n > 0 && at <= w.time.last {
		return
	}
	n := w.time.n
	w.time.add(at)
	w.admit(n, groups)
	for _, g := range groups {
		if s := w.sites[g.Key]; s != nil && g.Count > 0 && s.seen != n {
			s.seen, s.forever = n, g.Forever
			s.add(n, clamp(g.Count))
		}
	}
	for _, s := range w.sites {
		if s.seen != n {
			s.add(n, 0)
		}
	}
	// Update all histories first: a site is judged by comparison with others.
	for key, s := range w.sites {
		w.judge(s)
		if s.dull(w.time.n) {
			delete(w.sites, key)
		}
	}
}

// Last returns when the newest census was taken, on the clock of Observe. It is 0
// before the first.
func (w *Watch) Last() time.Duration { return w.time.last }

func clamp(count int64) uint32 { return uint32(min(max(count, 0), math.MaxUint32)) }

// dull reports whether a site can be dropped without losing anything: its count has
// been 0 for as long as its two finest levels reach back.
func (s *site) dull(n int) bool {
	return s.last == 0 && s.leak == nil && n-1-s.seen > slots*width(1)
}

// admit begins to follow new sites, the largest first. Once the watch is full, a
// new site displaces a smaller, calm one.
func (w *Watch) admit(n int, groups []Group) {
	var fresh []Group
	for _, g := range groups {
		if g.Count > 0 && w.sites[g.Key] == nil {
			fresh = append(fresh, g)
		}
	}
	if len(fresh) == 0 {
		return
	}
	slices.SortFunc(fresh, func(a, b Group) int { return cmp.Or(cmp.Compare(b.Count, a.Count), a.compare(b.Key)) })
	var calm []*site // smallest first
	if len(w.sites)+len(fresh) > maxSites {
		for _, s := range w.sites {
			if s.leak == nil && s.proven == 0 && !s.rise.rising() {
				calm = append(calm, s)
			}
		}
		slices.SortFunc(calm, func(a, b *site) int { return cmp.Or(cmp.Compare(a.last, b.last), a.key.compare(b.key)) })
	}
	for _, g := range fresh {
		if len(w.sites) >= maxSites {
			if len(calm) == 0 || int64(calm[0].last) >= g.Count {
				return
			}
			delete(w.sites, calm[0].key)
			calm = calm[1:]
		}
		s := &site{key: g.Key, forever: g.Forever, seen: -1, history: history{born: max(n-1, 0)}}
		if n > 0 {
			s.add(n-1, 0) // there were none, or too few to follow
		}
		w.sites[g.Key] = s
	}
}

// Prove marks the sites that wait at one of these frames as proven: the garbage
// collector found that nothing can wake goroutines there. Frames match by function
// and line. The mark holds until half of the goroutines there now have left. Prove
// ignores frames of sites that the watch does not follow.
func (w *Watch) Prove(blocked []frames.Frame) {
	for _, s := range w.sites {
		for _, f := range blocked {
			if s.key.Function == f.Function && s.key.Line == f.Line && s.last > 0 {
				s.proven = s.last
			}
		}
	}
}

// Sites returns the sites that have goroutines or leak: by severity, then by
// growth, then by count.
func (w *Watch) Sites() []Site {
	all := make([]Site, 0, len(w.sites))
	for _, s := range w.sites {
		if s.last > 0 || s.leak != nil {
			all = append(all, w.site(s))
		}
	}
	slices.SortFunc(all, bySeverity)
	return all
}

func bySeverity(a, b Site) int {
	return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(b.Grown, a.Grown),
		cmp.Compare(b.Count, a.Count), a.compare(b.Key))
}

// SitesWith is Sites with the counts of these groups, and with those groups that the watch
// does not follow yet. The groups are no census: the watch does not learn from them.
func (w *Watch) SitesWith(groups []Group) []Site {
	all := w.Sites()
	index := make(map[Key]int, len(all))
	for i, s := range all {
		index[s.Key] = i
	}
	for _, g := range groups {
		if i, ok := index[g.Key]; ok {
			all[i].Count = g.Count
		} else if g.Count > fewGoroutines {
			all = append(all, Site{Key: g.Key, Count: g.Count, Reason: "no census has counted it yet"})
		}
	}
	slices.SortFunc(all, bySeverity)
	return all[:min(len(all), maxSites)]
}

func (w *Watch) site(s *site) Site {
	out := Site{Key: s.key, Count: int64(s.last), Standing: w.time.standing(&s.history)}
	var growth trial
	switch {
	case s.leak != nil:
		out.State, growth = Leaking, s.leak.trial
		out.Reason = s.leak.reason(s, w.time.last)
	case s.rise.rising():
		out.State, growth = Growing, s.rise.trial
		out.Reason = s.rise.reason()
	default:
		out.Reason = s.calm()
	}
	if out.State > Calm {
		out.Since, out.Grown = growth.begin, max(0, int64(s.last)-int64(growth.from))
	}
	if s.proven > 0 {
		out.Reason = "the garbage collector proved that nothing can wake the goroutines here; " + out.Reason
		out.State = Proven
	}
	return out
}
