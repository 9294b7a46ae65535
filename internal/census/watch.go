package census

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// maxSites bounds how many sites a watch follows, and so its memory: 1 MB.
const maxSites = 512

// Watch follows the sites of one process over time, and says which ones leak. It
// has no clock and is for one goroutine at a time.
type Watch struct {
	time  timeline
	sites map[Key]*site
}

type site struct {
	key     Key
	forever bool
	seen    int // the census that counted it last
	history
	rise   finding // the newest
	leak   *leak   // nil while it does not leak
	proven uint32  // goroutines there when they were proven; 0: not
}

// leak is a growth that was found to be one.
type leak struct {
	trial        // the one that found it, moved back to where the growth began
	top   uint32 // the highest count since
	topAt time.Duration
}

// NewWatch returns a watch that has seen nothing.
func NewWatch() *Watch { return &Watch{sites: make(map[Key]*site)} }

// Observe takes in a census that was taken at a time, such as that since the
// process started. A census that is not later than the one before is ignored.
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
	// All histories first: a site is judged beside the others.
	for key, s := range w.sites {
		w.judge(s)
		if s.dull(w.time.n) {
			delete(w.sites, key)
		}
	}
}

// Last returns when the newest census was taken, on Observe's clock; 0 before
// the first.
func (w *Watch) Last() time.Duration { return w.time.last }

func clamp(count int64) uint32 { return uint32(min(max(count, 0), math.MaxUint32)) }

// dull reports whether nothing would be lost with a site: nobody has been there
// for as long as its two finest levels reach.
func (s *site) dull(n int) bool {
	return s.last == 0 && s.leak == nil && n-1-s.seen > slots*width(1)
}

// admit begins to follow new sites, the largest first. Where there are too many,
// a calm site gives way to one that is larger.
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
	var calm []*site // the smallest first
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
			s.add(n-1, 0) // nobody was there, or it was not worth following
		}
		w.sites[g.Key] = s
	}
}

// Prove marks the sites that wait at one of these frames, their function and
// line, as proven: the garbage collector found that nobody can wake goroutines
// there. It holds until half of those that are there now have left. Frames of
// sites that the watch does not follow are ignored.
func (w *Watch) Prove(blocked []frames.Frame) {
	for _, s := range w.sites {
		for _, f := range blocked {
			if s.key.Function == f.Function && s.key.Line == f.Line && s.last > 0 {
				s.proven = s.last
			}
		}
	}
}

// Sites returns the sites where goroutines are or leak: the gravest first, then
// those that grew most, then the largest.
func (w *Watch) Sites() []Site {
	all := make([]Site, 0, len(w.sites))
	for _, s := range w.sites {
		if s.last > 0 || s.leak != nil {
			all = append(all, w.site(s))
		}
	}
	slices.SortFunc(all, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(b.Grown, a.Grown),
			cmp.Compare(b.Count, a.Count), a.compare(b.Key))
	})
	return all
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
		out.Reason = "the garbage collector proved that goroutines here can never be woken; " + out.Reason
		out.State = Proven
	}
	return out
}
