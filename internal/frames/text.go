package frames

import (
	"strconv"
	"strings"
)

// TextGoroutine is a goroutine in the runtime's text format, that of debug=2
// and [runtime.Stack].
type TextGoroutine struct {
	ID        int64
	State     string   // such as 'chan receive', in the words of [Reason]
	Minutes   int64    // time in State; 0 if the runtime does not say
	Functions []string // leaf first, with type arguments as '[...]'
	Creator   string   // the function that started it; "" for the first goroutine
	CreatorID int64    // the goroutine that started it; 0 if unknown
	CreatedAt string   // file:line
	Bubble    bool     // it runs in a testing/synctest bubble
}

// ParseText reads goroutines as text: at most that many goroutines, and at most
// depth functions of each. It skips what it does not understand, because the
// format is the runtime's to change and the text only adds to other evidence.
func ParseText(text string, goroutines, depth int) (all []TextGoroutine) {
	var g *TextGoroutine
	created := false // the next file line is that of the creator
	for len(text) > 0 && len(all) < goroutines {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if header, ok := parseTextHeader(line); ok {
			all = append(all, header)
			g, created = &all[len(all)-1], false
			continue
		}
		switch {
		case g == nil:
		case line == "":
			g = nil
		case strings.HasPrefix(line, "\t"):
			if created && g.CreatedAt == "" {
				g.CreatedAt, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			}
		case strings.HasPrefix(line, "created by "):
			var by string
			g.Creator, by, _ = strings.Cut(strings.TrimPrefix(line, "created by "), " in goroutine ")
			if id, err := strconv.ParseInt(by, 10, 64); err == nil && id > 0 {
				g.CreatorID = id
			}
			created = true
		default:
			// The last bracket opens the arguments; in a method it is not the
			// first. No name is shorter than 'p.F', and what a line becomes is 16
			// bytes.
			if i := strings.LastIndexByte(line, '('); i >= len("p.F") && len(g.Functions) < depth {
				g.Functions = append(g.Functions, line[:i])
			}
		}
	}
	return all
}

// parseTextHeader parses 'goroutine 18 [chan receive, 5 minutes]:'. There may
// be 'gp=... m=...' before the bracket, and labels inside.
func parseTextHeader(line string) (g TextGoroutine, ok bool) {
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
	g.ID, g.State = id, strings.TrimSuffix(strings.TrimSuffix(parts[0], " (scan)"), " (durable)")
	for _, part := range parts[1:] {
		if n, ok := strings.CutSuffix(part, " minutes"); ok {
			if m, err := strconv.ParseInt(n, 10, 64); err == nil && m >= 0 {
				g.Minutes = m
			}
		}
		g.Bubble = g.Bubble || strings.HasPrefix(part, "synctest bubble ")
	}
	return g, true
}

// WithoutTypes replaces type arguments by '...': a profile has
// 'Pull[go.shape.int]' where the text has 'Pull[...]'.
func WithoutTypes(function string) string {
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
