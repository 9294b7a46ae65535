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

// callSite is how VerifyNone was called.
type callSite struct {
	function string // that called it
	bubble   bool   // in a bubble of testing/synctest
}

// findCallSite finds that out, and refuses calls that come too late to see
// anything: what goleak's users write as defer goleak.VerifyNone(t), or in a
// Cleanup, would pass here whatever leaks. Skip is as for [runtime.Callers].
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
		return site, fmt.Errorf("it is called on another goroutine than the test's: call it at the top of %s itself", t.Name())
	}
	return site, nil
}

// inBubble reports whether the caller's goroutine is in a bubble of
// testing/synctest. Only the header of its stack tells.
func inBubble() bool {
	header := make([]byte, 256)
	header, _, _ = bytes.Cut(header[:runtime.Stack(header, false)], []byte("\n"))
	return bytes.Contains(header, []byte("synctest bubble"))
}

var (
	errDeferred = errors.New("it is deferred, so that it begins when the test ends: call it at the top of the test without defer; it checks at the end by itself")
	errCleanup  = errors.New("it is called from a Cleanup, when the test has ended: call it at the top of the test; it registers a Cleanup itself")
	errLast     = errors.New("it is the last thing that the test does, so that it sees nothing of what was done before: call it at the top of the test; it checks at the end by itself")
)

// deferStatement finds it in a function that is written on one line.
var deferStatement = regexp.MustCompile(`\bdefer\s+[\w.]*VerifyNone\(`)

// deferredAt reports whether a call is a deferred one, by its source: such calls
// are said to be on the line where the function returns. Nothing else tells
// them from any other call.
func deferredAt(f runtime.Frame) bool {
	line := sourceLine(f.File, f.Line)
	return line == "}" || deferStatement.MatchString(line) || strings.HasPrefix(line, "return") && !strings.Contains(line, "(")
}

// lastAt reports whether a call is the last statement of its function, by its
// source: after a statement of its own line that ends, as a function of the file
// or as a literal that is an argument.
func lastAt(f runtime.Frame) bool {
	lines := sourceLines(f.File, f.Line, 2)
	return len(lines) == 2 && strings.Contains(lines[0], "VerifyNone(") && !strings.Contains(lines[0], "{") &&
		(strings.TrimRight(lines[1], "\r") == "}" || strings.HasPrefix(strings.TrimSpace(lines[1]), "})"))
}
