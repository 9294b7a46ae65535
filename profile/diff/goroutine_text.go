package diff

import (
	"fmt"
	"io"
	"slices"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// The bounds of reading a text of goroutines.
const (
	maxGoroutineText  = 16 << 20
	maxTextGoroutines = 100_000
)

// goroutineText is a text of goroutines (debug=2).
type goroutineText struct {
	goroutines []frames.TextGoroutine
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
		t.warnings = append(t.warnings, fmt.Sprintf("only the first %v of the text of the goroutines were read", profile.Bytes(maxGoroutineText)))
	}
	t.goroutines = frames.ParseText(string(data), maxTextGoroutines, maxStack)
	if len(t.goroutines) == 0 && len(data) > 0 {
		t.warnings = append(t.warnings, "the text of the goroutines has none in it: is it the form debug=2?")
	}
	return t
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
	blocked, root := frames.WithoutTypes(g.Blocked.Function), frames.WithoutTypes(g.Root.Function)
	for _, tg := range t.goroutines {
		if tg.State != g.Wait || !slices.Contains(tg.Functions, blocked) || !slices.Contains(tg.Functions, root) {
			continue
		}
		e.count++
		if tg.Minutes >= reliableMinutes {
			e.old++
			e.oldest = max(e.oldest, tg.Minutes)
		}
		if tg.Creator == "" {
			continue
		}
		by := tg.Creator
		if tg.CreatedAt != "" {
			by += " at " + tg.CreatedAt
		}
		creators[by]++
		if n := creators[by]; n > creators[e.creator] || n == creators[e.creator] && by < e.creator {
			e.creator = by
		}
	}
	return e
}
