package census

import (
	"fmt"
	"math"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
)

// finding is a rise, and what speaks against calling it a leak.
type finding struct {
	trial
	doubt doubt
	other Key           // the site it moves with
	above uint32        // how high it stood before the growth
	until time.Duration // it counts no longer after that
}

type doubt int

const (
	noDoubt    doubt = iota
	tooShort         // it has not lasted long enough for its size
	leaving          // too many that came have left
	seenBefore       // it came down from such a height before
	withIO           // it moves with goroutines that wait for I/O
)

// judge decides about a site after each census. Each level is looked at when a
// window of it is complete: short looks find fast leaks, long ones slow leaks.
func (w *Watch) judge(s *site) {
	if s.proven > 0 && s.last < (s.proven+1)/2 {
		s.proven = 0
	}
	if !s.forever {
		return
	}
	t := &w.time
	if s.leak != nil {
		s.leak = s.leak.goesOn(s.last, t.last)
	}
	if t.last > s.rise.until {
		s.rise = finding{}
	}
	for level := range levels {
		if t.n%width(level) != 0 {
			break // nor is a window of a coarser level complete
		}
		for _, windows := range [...]int{slots, 3 * slots / 4, slots / 2} {
			tr, ok := t.look(&s.history, level, windows)
			if !ok || !tr.rising() {
				continue
			}
			f := w.doubt(s, tr)
			f.until = t.last + 2*tr.span/time.Duration(windows-1)
			if f.doubt != noDoubt {
				s.rise = f
			} else if s.leak == nil {
				s.leak = &leak{trial: w.onset(s, tr), top: s.last, topAt: t.last}
			}
			break
		}
	}
}

// doubt says what speaks against calling a rise a leak.
func (w *Watch) doubt(s *site, tr trial) finding {
	f := finding{trial: tr}
	if tr.long() {
		return f
	}
	o := w.onset(s, tr)
	early := o.begin < w.time.first+warmUp && w.time.last-o.begin < warmUpSpan
	above := w.before(s, o.begin) // where many left, a wave may be higher than the last
	switch {
	case tr.turnover() > maxTurnover:
		f.doubt = leaving
	case uint64(o.grown()) <= 3*uint64(more(o.from, above)):
		f.doubt, f.above = seenBefore, above
	case tr.span < minSpan(tr.grown()) || early:
		f.doubt = tooShort
	default:
		if other := w.shadow(s, tr); other != nil {
			f.doubt, f.other = withIO, other.key
		}
	}
	return f
}

// before returns how high the count stood in the day before a time.
func (w *Watch) before(s *site, begin time.Duration) uint32 {
	high := uint32(0)
	for start, win := range w.time.back(&s.history) {
		if start < begin-day {
			break
		}
		if start < begin {
			high = max(high, win.crest)
		}
	}
	return high
}

// shadow returns a site of a kindred package that waits for I/O and moves with
// s, one for one: then s has a goroutine for each connection, and connections
// end. A leak that holds a connection each is found all the same, later: once it
// outlasts the day.
func (w *Watch) shadow(s *site, tr trial) *site {
	_, end := w.time.complete(&s.history, tr.level)
	tolerance := int64(tr.grown())/10 + 2
	for _, io := range w.sites {
		if io.key.Wait != frames.IOWait || !kindred(io.key, s.key) {
			continue
		}
		if _, ok := w.time.look(&io.history, tr.level, tr.windows); !ok {
			continue
		}
		base := end - tr.windows
		follows := true
		for i := base + 1; i < end && follows; i++ {
			mine := int64(s.rings[tr.level][i%slots].floor) - int64(tr.from)
			its := int64(io.rings[tr.level][i%slots].floor) - int64(io.rings[tr.level][base%slots].floor)
			follows = max(mine-its, its-mine) <= tolerance
		}
		if follows {
			return io
		}
	}
	return nil
}

// kindred reports whether two sites wait in one package or were started by one.
func kindred(a, b Key) bool {
	return frames.PackageOf(a.Function) == frames.PackageOf(b.Function) ||
		a.Root != "" && b.Root != "" && frames.PackageOf(a.Root) == frames.PackageOf(b.Root)
}

// onset moves the beginning of a growth to where the count last stood as low as
// in its first window, and further back for as long as it rose before.
func (w *Watch) onset(s *site, tr trial) trial {
	const stands = 3 // windows: more of the same floor are no growth
	same, within := 0, tr.begin
	for start, win := range w.time.back(&s.history) {
		switch {
		case start >= within && win.floor <= tr.from:
			tr.begin, within = start, math.MaxInt64
		case start >= tr.begin:
		case win.floor < tr.from:
			tr.begin, tr.from, same = start, win.floor, 0
		case win.floor > tr.from || same == stands:
			return tr
		default:
			same++
		}
	}
	return tr
}

// goesOn returns the leak as it is with a new count; nil when it is over: half
// of what had grown has left, or it has stood still for as long as it grew and
// a day and a night at least, as a pool does that has filled. A night without
// load must not end it, which is why it takes so long.
func (l *leak) goesOn(count uint32, now time.Duration) *leak {
	if count > l.top {
		l.top, l.topAt = count, now
	}
	grew := max(day, l.topAt-l.begin)
	if int64(count) < (int64(l.from)+int64(l.top))/2 || now-l.topAt > grew {
		return nil
	}
	return l
}

func (l *leak) reason(s *site, now time.Duration) string {
	text := fmt.Sprintf("%d more in %s, rising steadily, and %s", int64(l.top)-int64(l.from), words(l.topAt-l.begin), left(l.trial))
	if still := now - l.topAt; still >= 10*time.Minute {
		text += fmt.Sprintf("; no more for %s", words(still))
	}
	return text
}

func (f finding) reason() string {
	text := fmt.Sprintf("%d more in %s: ", f.grown(), words(f.span))
	switch f.doubt {
	case tooShort:
		return text + "too early to tell, a pool that fills looks the same"
	case leaving:
		return text + fmt.Sprintf("rising, but %s", left(f.trial))
	case seenBefore:
		return text + fmt.Sprintf("rising, but it stood at %d before and came down again", f.above)
	case withIO:
		return text + fmt.Sprintf("rising one for one with goroutines that wait for I/O in %s", f.other.Function)
	}
	return text + "rising"
}

// left says how many of those that came have left, as far as censuses see it.
func left(tr trial) string {
	if tr.down == 0 {
		return "none was seen to leave"
	}
	return fmt.Sprintf("%.0f%% of those that came were seen to leave", max(1, 100*tr.turnover()))
}

func (s *site) calm() string {
	switch {
	case !s.forever:
		return "waits for nothing that could never come"
	case s.last == 1:
		return "a single goroutine: growth cannot tell"
	}
	return "does not keep growing"
}

// words writes a duration as '1h30m', to the minute.
func words(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	text := d.Round(time.Minute).String() // such as '1h30m0s'
	text = text[:len(text)-len("0s")]
	return text
}
