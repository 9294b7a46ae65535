package guardtest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// callSite is where and how VerifyNone was called.
type callSite struct {
	function string // the calling function
	bubble   bool   // in a bubble of testing/synctest
}

// findCallSite finds the call site and rejects calls that come too late to see
// anything. Users of goleak write defer goleak.VerifyNone(t), or call it in a
// Cleanup; such calls would always pass here. skip is as for [runtime.Callers].
func findCallSite(t TestingT, skip int) (callSite, error) {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(skip+1, pcs)
	deeper := n == len(pcs) // the test may be further up
	calls := runtime.CallersFrames(pcs[:n])
	var site callSite
	var caller runtime.Frame
	inTesting, depth := false, 0
	for more := true; more && !inTesting; {
		var f runtime.Frame
		f, more = calls.Next()
		if strings.HasPrefix(f.Function, ourPackage+"labelTests") {
			continue
		}
		inTesting = strings.HasPrefix(f.Function, "testing.")
		switch {
		case depth == 0:
			caller, site.function = f, f.Function
		case f.Function == "testing.tRunner" && depth == 1 && lastAt(caller):
			return site, errLast
		}
		depth++
		switch {
		case f.Function == "runtime.Goexit", f.Function == "runtime.gopanic", f.Function == "runtime.deferreturn":
			return site, errDeferred
		case strings.HasPrefix(f.Function, "testing.(*common).Cleanup"), strings.HasPrefix(f.Function, "testing.(*common).runCleanup"):
			return site, errCleanup
		case !inTesting && deferredAt(f):
			return site, errDeferred
		}
	}
	site.bubble = inBubble()
	if _, real := t.(testing.TB); real && !inTesting && !deeper && !site.bubble {
		return site, fmt.Errorf("called on another goroutine than the test's: call it at the top of %s itself", t.Name())
	}
	return site, nil
}

// inBubble reports whether the caller's goroutine is in a bubble of
// testing/synctest. Only the header of its stack shows that.
func inBubble() bool {
	header := make([]byte, 256)
	header, _, _ = bytes.Cut(header[:runtime.Stack(header, false)], []byte("\n"))
	return bytes.Contains(header, []byte("synctest bubble"))
}

var (
	errDeferred = errors.New("called by a defer statement, so it would begin when the test ends: call it at the top of the test without defer; it checks at the end by itself")
	errCleanup  = errors.New("called from a Cleanup, when the test has already ended: call it at the top of the test; it registers a Cleanup itself")
	errLast     = errors.New("called as the last statement of the test, so it sees nothing of what was done before: call it at the top of the test; it checks at the end by itself")
)

// deferStatement finds a deferred call in a function that is written on one line.
var deferStatement = regexp.MustCompile(`\bdefer\s+[\w.]*VerifyNone\(`)

// deferredAt reports whether the call is deferred, judging by the source. The
// runtime places such calls on the line where the function returns, and nothing
// else distinguishes them from other calls.
func deferredAt(f runtime.Frame) bool {
	line := sourceLine(f.File, f.Line)
	return line == "}" || deferStatement.MatchString(line) || strings.HasPrefix(line, "return") && !strings.Contains(line, "(")
}

// lastAt reports whether the call is the last statement of its function, judging by
// the source: after a statement on a line of its own the function ends, as a
// declaration or as a literal that is an argument.
func lastAt(f runtime.Frame) bool {
	lines := sourceLines(f.File, f.Line, 2)
	return len(lines) == 2 && strings.Contains(lines[0], "VerifyNone(") && !strings.Contains(lines[0], "{") &&
		(strings.TrimRight(lines[1], "\r") == "}" || strings.HasPrefix(strings.TrimSpace(lines[1]), "})"))
}
