package profile

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The bounds of reading a text of goroutines.
const (
	maxGoroutineText  = 16 << 20
	maxTextGoroutines = 100_000
)

// textGoroutine is a goroutine as the text form (debug=2) tells it.
type textGoroutine struct {
	id        int64
	state     string // such as 'chan receive', in the words of [GoroutineGroup]
	minutes   int64  // it has been in it, as the runtime says; 0 where it says nothing
	functions []string
	creator   string
	createdAt string // file:line
}

// goroutineText is such a text.
type goroutineText struct {
	goroutines []textGoroutine
	warnings   []string
}

// readGoroutineText reads a text of goroutines. What it does not understand it
// leaves out: the text only adds to evidence, and its form is the runtime's to change.
func readGoroutineText(r io.Reader) (t goroutineText) {
	if r == nil {
		return t
	}
	data, err := io.ReadAll(io.LimitReader(r, maxGoroutineText+1))
	if err != nil {
		t.warnings = append(t.warnings, fmt.Sprintf("the text of the goroutines could not be read to its end: %v", err))
	}
	if len(data) > maxGoroutineText {
		data = data[:maxGoroutineText]
		t.warnings = append(t.warnings, fmt.Sprintf("only the first %v of the text of the goroutines were read", Bytes(maxGoroutineText)))
	}
	t.goroutines = parseGoroutineText(string(data))
	if len(t.goroutines) == 0 && len(data) > 0 {
		t.warnings = append(t.warnings, "the text of the goroutines has none in it: is it the form debug=2?")
	}
	return t
}

func parseGoroutineText(text string) (all []textGoroutine) {
	var g *textGoroutine
	created := false // the next line of a file is the creator's
	for len(text) > 0 && len(all) < maxTextGoroutines {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if header, ok := parseGoroutineHeader(line); ok {
			all = append(all, header)
			g, created = &all[len(all)-1], false
			continue
		}
		switch {
		case g == nil:
		case line == "":
			g = nil
		case strings.HasPrefix(line, "\t"):
			if created && g.createdAt == "" {
				g.createdAt, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			}
		case strings.HasPrefix(line, "created by "):
			g.creator, _, _ = strings.Cut(strings.TrimPrefix(line, "created by "), " in goroutine ")
			created = true
		default:
			// The last bracket opens the arguments: of a method it is not
			// the first.
			if i := strings.LastIndexByte(line, '('); i > 0 && len(g.functions) < maxStack {
				g.functions = append(g.functions, line[:i])
			}
		}
	}
	return all
}

// parseGoroutineHeader parses 'goroutine 18 [chan receive, 5 minutes]:', which
// may have 'gp=... m=...' before the bracket, and labels in it.
func parseGoroutineHeader(line string) (g textGoroutine, ok bool) {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok || !strings.HasSuffix(rest, "]:") {
		return g, false
	}
	number, rest, _ := strings.Cut(strings.TrimSuffix(rest, "]:"), " ")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || id <= 0 {
		return g, false
	}
	_, state, ok := strings.Cut(rest, "[")
	if !ok {
		return g, false
	}
	state, _, _ = strings.Cut(state, " {") // labels
	parts := strings.Split(state, ", ")
	g.id, g.state = id, strings.TrimSuffix(strings.TrimSuffix(parts[0], " (scan)"), " (durable)")
	for _, part := range parts[1:] {
		if n, ok := strings.CutSuffix(part, " minutes"); ok {
			if m, err := strconv.ParseInt(n, 10, 64); err == nil && m >= 0 {
				g.minutes = m
			}
		}
	}
	return g, true
}

// textEvidence is what the text knows of the goroutines of a group.
type textEvidence struct {
	count, old int
	oldest     int64  // minutes
	creator    string // of most of them, with the place
}

// reliableMinutes is from when on the runtime's 'N minutes' is worth a word: it
// notes the start of a wait at the next GC cycle only, and a goroutine that was
// blocked for 0.1 s has been seen with '1 minutes'.
const reliableMinutes = 2

func (t goroutineText) about(g GoroutineGroup) (e textEvidence) {
	creators := make(map[string]int)
	blocked, root := withoutTypes(g.Blocked.Function), withoutTypes(g.Root.Function)
	for _, tg := range t.goroutines {
		if tg.state != g.Wait || !tg.has(blocked) || !tg.has(root) {
			continue
		}
		e.count++
		if tg.minutes >= reliableMinutes {
			e.old++
			e.oldest = max(e.oldest, tg.minutes)
		}
		if tg.creator == "" {
			continue
		}
		by := tg.creator
		if tg.createdAt != "" {
			by += " at " + tg.createdAt
		}
		creators[by]++
		if n := creators[by]; n > creators[e.creator] || n == creators[e.creator] && by < e.creator {
			e.creator = by
		}
	}
	return e
}

// has reports whether a function, without type arguments, is on the stack.
func (g textGoroutine) has(function string) bool {
	return slices.Contains(g.functions, function)
}

// withoutTypes leaves out type arguments: a profile has 'Pull[go.shape.int]'
// where the text has 'Pull[...]'.
func withoutTypes(function string) string {
	open := strings.IndexByte(function, '[')
	if open < 0 {
		return function
	}
	end := strings.LastIndexByte(function, ']')
	if end < open {
		return function
	}
	return function[:open] + "[...]" + function[end+1:]
}
