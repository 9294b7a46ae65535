package guardtest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
)

// mostSites is how many growing places are listed.
const mostSites = 8

// text is the failure: what grows and where, then the evidence, then what to do.
func (f *heapFinding) text() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		if format != "" {
			format = "  " + format
		}
		fmt.Fprintf(&b, "\n"+format, args...)
	}

	inconclusive := ""
	if f.otherTest != "" || f.growsAlone() || f.verdict == heapUnclear {
		inconclusive = "inconclusive: "
	}
	switch {
	case f.verdict == heapUnclear:
		fmt.Fprintf(&b, "%sthe heap varies by more than %s per iteration, and the budget is spent", inconclusive, inBytes(max(coarseTolerance, f.tolerance)))
	default:
		fmt.Fprintf(&b, "%sheap grows by %s per iteration: %s", inconclusive, f.amount(), f.culprit())
	}

	line("")
	line("in %s iterations, %s: %s", profile.Count(f.iterations), words.Span(f.took), f.history())
	if f.verdict == heapFilling {
		line("the rate is not constant: this may be a cache that was not full when the budget ended")
	}
	f.writeGoroutines(line)
	f.writeSites(line)

	switch line(""); {
	case f.otherTest != "":
		line("%s used guardtest at the same time, and this may be its memory: the heap belongs to the whole process.", f.otherTest)
		line("Do not call NoHeapGrowth from a parallel test, and do not call t.Parallel elsewhere before it has returned.")
	case f.growsAlone():
		line("the heap also grew by %s and %s objects in %s without fn: something else in the process allocates.",
			inBytes(float64(f.idle.bytes)), profile.Count(f.idle.objects), words.Span(f.idleFor))
		line("Stop it before NoHeapGrowth.")
	case f.verdict == heapUnclear:
		line("allow more time with guardtest.Budget(...), or a larger guardtest.Tolerance(...)")
	case f.failed != nil:
		line("the allocating code is unknown: %v", f.failed)
	case f.verdict == heapFilling:
		line("if it is a cache, fill it before the call, or use guardtest.WarmUp(...) or a larger guardtest.Budget(...)")
	case f.leaksGoroutines():
		line("guardtest.VerifyNone says more about goroutines")
	default:
		line("if it is a cache that was not full yet, set guardtest.WarmUp(...) to the number of iterations that fill it")
	}
	return b.String()
}

// amount formats the growth, such as '16 B and 1 object'.
func (f *heapFinding) amount() string {
	if f.leaksGoroutines() {
		return fmt.Sprintf("%s with %s", inBytes(f.bytes+math.Max(0, f.stacks)), counted(f.goroutines, "goroutine"))
	}
	switch {
	case f.objects < f.tolerance/bytesPerObject:
		return inBytes(f.bytes)
	case f.bytes < 0:
		return counted(f.objects, "object")
	}
	return fmt.Sprintf("%s and %s", inBytes(f.bytes), counted(f.objects, "object"))
}

func (f *heapFinding) leaksGoroutines() bool {
	return f.goroutines > f.tolerance/bytesPerObject && len(f.groups) > 0
}

// culprit returns the place to look at first.
func (f *heapFinding) culprit() string {
	if f.leaksGoroutines() {
		g := f.groups[0]
		where := g.Blocked
		if where.Function == "" {
			where = g.Root
		}
		return fmt.Sprintf("%s, where goroutines wait (%s)", inPlace(where), g.Wait)
	}
	if len(f.sites) > 0 {
		return inPlace(f.sites[0].Frame)
	}
	return "at an unknown place"
}

// history describes the growth of the last rounds.
func (f *heapFinding) history() string {
	last := f.rounds[max(0, len(f.rounds)-4):]
	bytes, objects := rates(last)
	rate, in := bytes, inBytes
	if f.objects > 0 && f.bytes < f.tolerance {
		rate, in = objects, func(x float64) string { return counted(x, "object") }
	}
	perRound := make([]string, len(rate))
	for i, r := range rate {
		perRound[i] = in(r)
	}
	stacks := ""
	if f.leaksGoroutines() {
		stacks = ", without their stacks"
	}
	return fmt.Sprintf("%s per iteration in the last %d rounds%s", strings.Join(perRound, ", "), len(last), stacks)
}

func (f *heapFinding) writeGoroutines(line func(string, ...any)) {
	if !f.leaksGoroutines() {
		return
	}
	line("")
	line("goroutines added in %s more %s:", profile.Count(f.traced), iterations(f.traced))
	for _, g := range f.groups[:min(len(f.groups), mostSites)] {
		line("%10s  wait (%s) at %s", profile.Count(g.Count.Growth()), g.Wait, inFull(g.Blocked))
		if g.Root.Function != g.Blocked.Function && g.Root.Function != "" {
			line("%10s  started with %s", "", inFull(g.Root))
		}
	}
}

func (f *heapFinding) writeSites(line func(string, ...any)) {
	if len(f.sites) == 0 || f.leaksGoroutines() {
		return // what a goroutine keeps would look like a second leak
	}
	line("")
	line("allocated in %s more %s and not freed:", profile.Count(f.traced), iterations(f.traced))
	for _, s := range f.sites[:min(len(f.sites), mostSites)] {
		line("%10s%s  at %s", profile.Bytes(s.Value.Growth()), objects(s.Objects.Growth()), inFull(s.Frame))
		if source := sourceLine(s.Frame.File, s.Frame.Line); source != "" {
			line("%10s  %s", "", shorten(source, 100))
		}
	}
	if rest := len(f.sites) - mostSites; rest > 0 {
		line("%10s  at %d other places", "", rest)
	}
}

func iterations(n int64) string {
	if n == 1 {
		return "iteration"
	}
	return "iterations"
}

// objects is empty if something was replaced by something larger.
func objects(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return " in 1 object"
	}
	return fmt.Sprintf(" in %v objects", profile.Count(n))
}

// inPlace formats a frame such as 'storage.(*Cache).Put (cache.go:12)'.
func inPlace(f profile.Frame) string {
	name := f.Function
	if pkg := frames.PackageOf(name); strings.HasPrefix(name, pkg) {
		name = name[strings.LastIndexByte(pkg, '/')+1:]
	}
	return fmt.Sprintf("%s (%s:%d)", name, openablePath(f.File), f.Line)
}

func inFull(f profile.Frame) string {
	return fmt.Sprintf("%s (%s:%d)", f.Function, openablePath(f.File), f.Line)
}

// inBytes formats an amount per iteration: '16 B', '1.6 B', '2.0 KiB'.
func inBytes(x float64) string {
	if math.Abs(x) < 1<<10 {
		return inNumber(x) + " B"
	}
	return profile.Bytes(math.Round(x)).String()
}

func counted(x float64, what string) string {
	n := inNumber(x)
	if n == "1" {
		return "1 " + what
	}
	return n + " " + what + "s"
}

// inNumber formats a number with at least two digits: '0.1', '1.6', '16', '1024'.
// It rounds to an integer if that is within a hundredth: a leak of one object per
// iteration should not read as 1.003 objects because something else was kept as
// well.
func inNumber(x float64) string {
	switch r := math.Round(x); {
	case math.Abs(x) >= 10, r != 0 && math.Abs(x-r) < 0.02*r:
		return strconv.FormatFloat(r, 'f', -1, 64)
	default:
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
}
