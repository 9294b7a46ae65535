package postmortem

import (
	"fmt"
	"strings"
)

// mostPanicLine is the most bytes of the line that describes a panic.
const mostPanicLine = 300

// panicLine returns the first line of the runtime's trace with its location, such as
// 'panic: boom, in main.serve (/src/main.go:12)'. It returns "" for an empty trace.
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

// callee returns a function's name without its arguments.
func callee(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 {
		return line[:i]
	}
	return line
}
