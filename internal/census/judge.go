package census

import (
	"fmt"
	"math"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
)

// finding is a rise, with the reason not to call it a leak yet.
type finding struct {
	trial
	doubt doubt
	other Key           // the site it moves with, for withIO
	above uint32        // how high it stood before the growth, for seenBefore
	until time.Duration // when it expires
}

type doubt int

const (
	noDoubt    doubt = iota
	tooShort         // it has not lasted long enough for its size
	leaving          // too many of those that came have left
	seenBefore       // it has come down from this height before
	withIO           // it moves with goroutines that wait for I/O
)

// judge decides about a site after each census. It tries each level whenever a
// window of it completes: fine levels find fast leaks, coarse ones slow leaks.
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
			break // windows of coarser levels are not complete either
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

// doubt returns a rise together with the reason not to call it a leak, if there is
// one.
func (w *Watch) doubt(s *site, tr trial) finding {
	f := finding{trial: tr}
	if tr.long() {
		return f
	}
	o := w.onset(s, tr)
	early := o.begin < w.time.first+warmUp && w.time.last-o.begin < warmUpSpan
	above := w.before(s, o.begin) // if many left then, a wave may be higher than the last one
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

// before returns how high the count stood in the day before begin.
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

// shadow returns a site of a related package that waits for I/O and moves with s
// one for one, or nil. Then s has a goroutine for each connection, and connections
// end. A leak that holds a connection per goroutine is found later, once it has
// outlasted a day.
func (w *Watch) shadow(s *site, tr trial) *site {
	_, end := w.time.complete(&s.history, tr.level)
	tolerance := int64(tr.grown())/10 + 2
	for _, io := range w.sites {
		if io.key.Wait != frames.IOWait || !related(io.key, s.key) {
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

// related reports whether two sites wait in one package, or were started by one.
func related(a, b Key) bool {
	return frames.PackageOf(a.Function) == frames.PackageOf(b.Function) ||
		a.Root != "" && b.Root != "" && frames.PackageOf(a.Root) == frames.PackageOf(b.Root)
}

// onset moves the beginning of a growth back to where the count last stood as low
// as in its first window, and from there as far back as it had been rising.
func (w *Watch) onset(s *site, tr trial) trial {
	const stands = 3 // windows at the same floor that end a growth
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

// goesOn updates the leak with a new count. It returns nil once the leak is over:
// half of the growth has left, or the count has stood still for as long as it grew
// and for at least a day and a night, like a pool that is full. The wait is that
// long because a night without load must not end a leak.
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
	text := fmt.Sprintf("%d more in %s, rising steadily, and %s", int64(l.top)-int64(l.from), words.Span(l.topAt-l.begin), left(l.trial))
	if still := now - l.topAt; still >= 10*time.Minute {
		text += fmt.Sprintf("; no more have come for %s", words.Span(still))
	}
	return text
}

func (f finding) reason() string {
	text := fmt.Sprintf("%d more in %s: ", f.grown(), words.Span(f.span))
	switch f.doubt {
	case tooShort:
		return text + "too early to tell: a pool that fills looks the same"
	case leaving:
		return text + fmt.Sprintf("rising, but %s", left(f.trial))
	case seenBefore:
		return text + fmt.Sprintf("rising, but it stood at %d before and came down again", f.above)
	case withIO:
		return text + fmt.Sprintf("rising one for one with goroutines that wait for I/O in %s", f.other.Function)
	}
	return text + "rising"
}

// left says how many of those that came have left, as far as censuses can see.
func left(tr trial) string {
	if tr.down == 0 {
		return "none has been seen to leave"
	}
	return fmt.Sprintf("%.0f%% of those that came have been seen to leave", max(1, 100*tr.turnover()))
}

func (s *site) calm() string {
	switch {
	case !s.forever:
		return "they wait for something that will come"
	case s.last == 1:
		return "a single goroutine shows no growth"
	}
	return "it does not keep growing"
}
