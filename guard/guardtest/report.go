package guardtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/internal/words"
)

// These bound a report to 60 lines. A place takes up to 7 lines and an empty one in
// full, or one line in short.
const (
	maxFull  = 5
	maxShort = 12
	// maxTests is how many tests a place names.
	maxTests = 60
)

// report is the text about goroutines that are left.
type report struct {
	title string
	leaks []leak
	notes []string
	// byTest makes each place name its test, in the report of a whole package.
	byTest bool
}

func (r report) String() string {
	var b strings.Builder
	b.WriteString(r.title)
	b.WriteByte('\n')
	shown := 0
	for _, l := range r.leaks[:min(len(r.leaks), maxFull)] {
		b.WriteByte('\n')
		r.full(&b, l)
		shown++
	}
	if len(r.leaks) > shown {
		b.WriteString("\n")
	}
	for _, l := range r.leaks[shown:min(len(r.leaks), maxFull+maxShort)] {
		by := ""
		if names := l.testsIn(1); r.byTest && names != "" {
			by = ", started by " + names
		}
		fmt.Fprintf(&b, "  %s at %s%s\n", l.waiting(), l.place(), by)
		shown++
	}
	if rest := r.leaks[shown:]; len(rest) > 0 {
		n := 0
		for _, l := range rest {
			n += l.count
		}
		fmt.Fprintf(&b, "  and %s at %d other places\n", goroutinesIn(n), len(rest))
	}
	for _, note := range r.notes {
		fmt.Fprintf(&b, "\n  %s\n", note)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// full writes everything known about a leak.
func (r report) full(b *strings.Builder, l leak) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(b, "      %-8s %s\n", name, fmt.Sprintf(format, args...))
	}
	standing := ""
	if l.standing >= 10*time.Millisecond {
		standing = ", for at least " + words.Span(l.standing)
	}
	fmt.Fprintf(b, "  %s%s\n", l.waiting(), standing)
	if r.byTest {
		switch names := l.testsIn(maxTests); {
		case names == "":
			row("test", "unknown: call guardtest.VerifyNone in the tests that may have started it")
		case len(l.tests) > 1:
			row("tests", "%d: %s", len(l.tests), names)
		default:
			row("test", "%s", names)
		}
	}
	row("at", "%s", l.place())
	if source := sourceLine(l.file, l.line); source != "" {
		row("", "%s", shorten(source, 100))
	}
	switch {
	case l.creator.function != "" && l.creator.at != "":
		file, line, _ := cutLast(l.creator.at, ":")
		row("started", "by %s (%s:%s)%s", l.creator.function, openablePath(file), line, l.with())
	case l.root != "" && l.root != l.function:
		row("started", "with %s", l.root)
	}
	if l.cause != "" {
		row("likely", "%s", l.cause)
	}
	switch {
	case l.proven == 0:
	case l.proven == l.count:
		row("proof", "the garbage collector proves that nothing can wake %s any more", map[bool]string{true: "it", false: "them"}[l.count == 1])
	default:
		row("proof", "the garbage collector proves that nothing can wake %d of them any more", l.proven)
	}
}

// testsIn names the tests that started the goroutines, at most as many as given, or
// returns "" if they are unknown.
func (l leak) testsIn(most int) string {
	if len(l.tests) == 0 {
		return l.startedBy()
	}
	shown := l.tests[:min(len(l.tests), most)]
	names := strings.Join(shown, ", ")
	if more := len(l.tests) - len(shown); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return names
}

// startedBy returns the test that started the goroutines, or "" if unknown.
func (l leak) startedBy() string {
	if name := testName(l.test); name != "" {
		return name
	}
	for _, function := range []string{l.function, l.root} {
		if test := testOf(function); test != "" {
			return test
		}
	}
	return l.creator.test
}

// with says what the goroutines run, if that is not the function that waits.
func (l leak) with() string {
	switch {
	case len(l.via) > 0:
		return ", as " + l.root + ", through " + l.via[0]
	case l.root != l.function:
		return ", as " + l.root
	}
	return ""
}

func (l leak) place() string {
	switch {
	case l.function != "":
	case l.creator.function != "":
		return "no place yet, because they have not run since they were started"
	default:
		return "an unknown place"
	}
	return fmt.Sprintf("%s (%s:%d)", l.function, openablePath(l.file), l.line)
}

// waiting says how many goroutines wait, and for what.
func (l leak) waiting() string {
	verb := func(one, more string) string {
		if l.count == 1 {
			return goroutinesIn(l.count) + " " + one
		}
		return goroutinesIn(l.count) + " " + more
	}
	switch l.wait {
	case frames.Running:
		return verb("is running", "are running")
	case frames.Sleep:
		return verb("sleeps", "sleep")
	case frames.Waiting:
		return verb("waits", "wait")
	case frames.IOWait:
		return verb("waits for I/O", "wait for I/O")
	case frames.Syscall:
		return verb("is in a system call", "are in a system call")
	}
	return verb("waits in "+l.wait, "wait in "+l.wait)
}

func goroutinesIn(n int) string {
	if n == 1 {
		return "1 goroutine"
	}
	return fmt.Sprintf("%d goroutines", n)
}

// since says when the goroutines were last seen, relative to the end of the test. A
// clause such as 'it ended' follows.
func (f found) since() string {
	if f.looked < 10*time.Millisecond {
		return "when" // they were given no time
	}
	return words.Span(f.looked) + " after"
}

// shorten cuts a text to at most that many characters.
func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
