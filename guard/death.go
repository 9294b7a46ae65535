package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// deathFacts are what is known of a death; the cause is a function of them.
type deathFacts struct {
	panicked  bool // the runtime wrote a trace
	sameBoot  bool // the kernel has run all the time; false also where nobody knows
	otherBoot bool // it has not, or this is another host
	elsewhere bool // it ran under another host name
	sameGroup bool // this process is in the very same control group
	// What the kernel had killed as of the last minute before the last sample, and
	// has killed now. They count where it is the same group, or the same boot.
	before, now kills
	// near says that memory would have met the limit within a moment of the last
	// sample.
	near bool
}

// judgeDeath tells the causes of a death apart.
//
// A count of kills that has not risen rules an OOM kill out, in any case; one that
// has risen proves it only where memory was short in that very group, for another
// process of it may have been killed. The count of a restarted container's group
// begins at 0, so it is compared only within the same group; the host's count is
// all that is left then, and what else there is on a host is killed, too.
func judgeDeath(f deathFacts) (cause incident.DeathCause, certain bool, why string) {
	group, groupKnown := rose(f.before.group, f.now.group, f.sameBoot && f.sameGroup)
	host, hostKnown := rose(f.before.host, f.now.host, f.sameBoot)
	switch {
	case f.panicked:
		return incident.DeathPanic, true, ""
	case group > 0 && f.near:
		return incident.DeathOOM, true, fmt.Sprintf("oom_kill of its cgroup rose by %d", group)
	case group > 0:
		return incident.DeathOOM, false, fmt.Sprintf("oom_kill of its cgroup rose by %d, though at the last sample memory was not short", group)
	case groupKnown:
		return incident.DeathUnknown, false, "the kernel has killed nothing of its cgroup for want of memory"
	case hostKnown && host == 0:
		return incident.DeathUnknown, false, "the kernel has killed nothing on this host for want of memory"
	case hostKnown && f.near:
		return incident.DeathOOM, false, fmt.Sprintf("memory was at the limit, and the host's count of OOM kills rose by %d; its cgroup is gone", host)
	case hostKnown:
		return incident.DeathUnknown, false, fmt.Sprintf("at the last sample memory was not short, though the host's count of OOM kills rose by %d", host)
	case f.near && f.otherBoot:
		return incident.DeathOOM, false, "memory was at the limit; the host was started anew since, or this is another one"
	case f.near:
		return incident.DeathOOM, false, "memory was at the limit"
	case f.otherBoot && !f.elsewhere:
		return incident.DeathHost, false, "the host was started anew since, or this is another one"
	default:
		return incident.DeathUnknown, false, ""
	}
}

// rose is by how much a count has risen, and whether that is known.
func rose(before, now int64, same bool) (by int64, known bool) {
	if !same || before < 0 || now < before {
		return 0, false
	}
	return now - before, true
}

const (
	// fullShare is from what share of the limit on memory counts as full.
	fullShare = 0.97
	// A process that grows is full when it would have been within four samples,
	// of which one may have been late, but no less than the first and no more than
	// the second of these.
	leastAhead = 200 * time.Millisecond
	mostAhead  = 4 * time.Second
)

// nearLimit reports whether memory would have met the limit within a moment.
func nearLimit(memory, limit profile.Bytes, rate float64, every time.Duration) bool {
	if limit <= 0 || !memory.Known() {
		return false
	}
	ahead := min(max(4*every, leastAhead), mostAhead)
	return float64(memory) >= fullShare*float64(limit) ||
		float64(memory)+max(rate, 0)*ahead.Seconds() >= float64(limit)
}

// lastRate is how fast memory moved at the last readings, in bytes a second, and how
// far apart they were.
func lastRate(list []incident.Reading) (rate float64, every time.Duration) {
	n := len(list)
	if n < 2 {
		return 0, 0
	}
	last := list[n-1]
	first := n - 2
	for first > 0 && last.Time.Sub(list[first].Time) < rateWindow {
		first--
	}
	took := last.Time.Sub(list[first].Time)
	if took <= 0 {
		return 0, 0
	}
	every = took / time.Duration(n-1-first)
	if last.Unreclaimable.Known() && list[first].Unreclaimable.Known() {
		rate = float64(last.Unreclaimable-list[first].Unreclaimable) / took.Seconds()
	}
	return rate, every
}

// doubledBuys is how long twice the memory would have lasted beyond the limit, at
// the rate of the last half of the growth; 0 where nothing grew. The mean over a
// whole life would promise hours to a process that was calm for hours and then
// leaked in a second.
func doubledBuys(points []incident.HistoryPoint, limit profile.Bytes) time.Duration {
	points = slices.DeleteFunc(slices.Clone(points), func(p incident.HistoryPoint) bool { return !p.Memory.Known() })
	n := len(points)
	if n < 2 || limit <= 0 {
		return 0
	}
	lowest := 0
	for i, p := range points {
		if p.Memory <= points[lowest].Memory {
			lowest = i
		}
	}
	last := points[n-1]
	half := points[lowest].Memory + (last.Memory-points[lowest].Memory)/2
	for i := n - 1; i >= lowest; i-- {
		if points[i].Memory <= half {
			took, grown := last.Time.Sub(points[i].Time), last.Memory-points[i].Memory
			if took <= 0 || grown <= 0 {
				return 0
			}
			return lasts(int64(limit), float64(grown)/took.Seconds())
		}
	}
	return 0
}

// mostPanicLine bounds the line that a panic is called by, in bytes.
const mostPanicLine = 300

// panicLine is what a trace of the runtime says first, with where that was, such as
// 'panic: boom, in main.serve (/src/main.go:12)'; "" of an empty one.
func panicLine(trace string) string {
	what, function := "", ""
	for line := range strings.Lines(trace) {
		line = strings.TrimRight(line, "\r\n")
		text := strings.TrimSpace(line)
		switch {
		case text == "" || len(text) > mostPanicLine && what != "":
		case what == "":
			what = text[:min(len(text), mostPanicLine)]
		case function == "" && (strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, "goroutine ")):
		case line[0] != '\t':
			// The functions of the goroutine that panicked, innermost first.
			function = ""
			if name := callee(text); !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "panic") && strings.Contains(name, ".") {
				function = name
			}
		case function != "":
			file, _, _ := strings.Cut(text, " ")
			return fmt.Sprintf("%s, in %s (%s)", what, function, file)
		}
	}
	return what
}

// callee is a function's name without its arguments.
func callee(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 {
		return line[:i]
	}
	return line
}
