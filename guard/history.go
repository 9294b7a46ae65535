package guard

import (
	"sync"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// recentReadings is how many of the newest readings are kept. They cover five
	// seconds at a reading every 10 ms, and eight minutes in calm times.
	recentReadings = 512
	// sparseReadings is how many older readings are kept, one per sparseEvery.
	// They cover 10 hours.
	sparseReadings = 600
	sparseEvery    = time.Minute
)

// history keeps all recent readings, and one a minute of older ones. It allocates
// its memory as it grows, up to its bounds.
//
// Only the loop adds readings, and it reads without locking. Other goroutines may
// call only since and from.
type history struct {
	asking         sync.Mutex // admits one other goroutine at a time, so that the loop waits for at most one
	mu             sync.Mutex // held by the loop while it adds, and by other goroutines while they read
	recent, sparse ring
	lastSparse     time.Time
}

// ring is a bounded queue of readings that drops the oldest.
type ring struct {
	items []incident.Reading
	next  int
	bound int
}

func newHistory() *history {
	return &history{recent: ring{bound: recentReadings}, sparse: ring{bound: sparseReadings}}
}

func (h *history) add(r *incident.Reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lastSparse.IsZero() || r.Time.Sub(h.lastSparse) >= sparseEvery {
		h.lastSparse = r.Time
		h.sparse.add(r)
	}
	h.recent.add(r)
}

func (r *ring) add(reading *incident.Reading) {
	if len(r.items) < r.bound {
		r.items = append(r.items, *reading)
		return
	}
	r.items[r.next] = *reading
	r.next = (r.next + 1) % r.bound
}

// each calls f for all readings, oldest first.
func (r *ring) each(f func(*incident.Reading)) {
	for i := range r.items {
		f(&r.items[(r.next+i)%len(r.items)])
	}
}

// each calls f for all readings, oldest first: one a minute for the time before the
// recent ones, then all recent ones.
func (h *history) each(f func(*incident.Reading)) {
	var oldestRecent time.Time
	if len(h.recent.items) > 0 {
		oldestRecent = h.recent.items[h.recent.next%len(h.recent.items)].Time
	}
	h.sparse.each(func(r *incident.Reading) {
		if r.Time.Before(oldestRecent) {
			f(r)
		}
	})
	h.recent.each(f)
}

// since returns the readings taken at or after t.
func (h *history) since(t time.Time) []incident.Reading {
	h.asking.Lock()
	defer h.asking.Unlock()
	// Two passes, so that nothing is allocated while mu is held: an allocation may
	// have to assist the garbage collector, and the loop would wait for that.
	n := 0
	h.locked(func(r *incident.Reading) {
		if !r.Time.Before(t) {
			n++
		}
	})
	if n == 0 {
		return nil
	}
	const meanwhile = 16 // readings that may be added between the passes
	out := make([]incident.Reading, 0, n+meanwhile)
	h.locked(func(r *incident.Reading) {
		if !r.Time.Before(t) {
			out = append(out, *r)
		}
	})
	return out
}

// from returns a copy of the oldest reading that is not older than t, or nil.
func (h *history) from(t time.Time) *incident.Reading {
	h.asking.Lock()
	defer h.asking.Unlock()
	copied, found := new(incident.Reading), false
	h.locked(func(r *incident.Reading) {
		if !found && !r.Time.Before(t) {
			*copied, found = *r, true
		}
	})
	if !found {
		return nil
	}
	return copied
}

// locked is each for goroutines other than the loop's.
func (h *history) locked(f func(*incident.Reading)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.each(f)
}

// oldest is from for the loop. It returns a pointer into the history, valid until
// the next reading is added.
func (h *history) oldest(t time.Time) (found *incident.Reading) {
	h.each(func(r *incident.Reading) {
		if found == nil && !r.Time.Before(t) {
			found = r
		}
	})
	return found
}

// last returns up to n of the newest readings, oldest first.
func (h *history) last(n int) []incident.Reading {
	all := len(h.recent.items)
	out := make([]incident.Reading, 0, min(n, all))
	i := 0
	h.recent.each(func(r *incident.Reading) {
		if i >= all-n {
			out = append(out, *r)
		}
		i++
	})
	return out
}

// historyPoints is the most points that an incident keeps of the time before it.
const historyPoints = 240

// points returns up to most points of the history for a chart. They are spread evenly
// and become denser towards the end, because a leak of GB/s is over in a second.
func (h *history) points(most int) []incident.HistoryPoint {
	var first, last time.Time
	h.each(func(r *incident.Reading) {
		if first.IsZero() {
			first = r.Time
		}
		last = r.Time
	})
	even := last.Sub(first) / time.Duration(most/2)
	out := make([]incident.HistoryPoint, 0, most)
	h.each(func(r *incident.Reading) {
		apart := min(even, last.Sub(r.Time)/8)
		if n := len(out); n > 0 && r.Time.Sub(out[n-1].Time) < apart {
			return
		}
		out = append(out, incident.HistoryPoint{Time: r.Time, Memory: r.Unreclaimable, LiveHeap: r.HeapLive, Goroutines: r.Goroutines})
	})
	return out[max(len(out)-most, 0):]
}
