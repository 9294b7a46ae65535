package diff

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/leakguard/leakguard/internal/frames"
	"github.com/leakguard/leakguard/profile"
)

// The limits of reading goroutines as text.
const (
	maxGoroutineText  = 16 << 20
	maxTextGoroutines = 100_000
)

// goroutineText is the goroutines as text (debug=2), parsed.
type goroutineText struct {
	goroutines []frames.TextGoroutine
	warnings   []string
}

// readGoroutineText parses goroutines as text. It skips what it does not
// understand: the text only adds to the evidence, and its format is the
// runtime's to change.
func readGoroutineText(r io.Reader) (t goroutineText) {
	if r == nil {
		return t
	}
	data, err := io.ReadAll(io.LimitReader(r, maxGoroutineText+1))
	if err != nil {
		t.warnings = append(t.warnings, fmt.Sprintf("the goroutine text could not be read completely: %v", err))
	}
	if len(data) > maxGoroutineText {
		data = data[:maxGoroutineText]
		t.warnings = append(t.warnings, fmt.Sprintf("only the first %v of the goroutine text were read", profile.Bytes(maxGoroutineText)))
	}
	t.goroutines = frames.ParseText(string(data), maxTextGoroutines, maxStack)
	if len(t.goroutines) == 0 && len(data) > 0 {
		t.warnings = append(t.warnings, "the goroutine text contains no goroutines: it must be in the form debug=2")
	}
	return t
}

// textEvidence is what the text knows about a group of goroutines.
type textEvidence struct {
	count, old int
	oldest     int64         // minutes
	creator    string        // of most of them, with file and line
	frame      profile.Frame // the same
}

// reliableMinutes is the least 'N minutes' of the runtime to rely on. The
// runtime notes the start of a wait only at the next GC cycle, and has been
// seen to give '1 minutes' for a goroutine that was blocked for 0.1 s.
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
			e.frame = profile.Frame{Function: frames.Readable(tg.Creator)}
			if i := strings.LastIndexByte(tg.CreatedAt, ':'); i >= 0 {
				e.frame.File = tg.CreatedAt[:i]
				e.frame.Line, _ = strconv.Atoi(tg.CreatedAt[i+1:])
			}
		}
	}
	return e
}
