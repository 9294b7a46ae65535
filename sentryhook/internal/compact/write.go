package compact

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"

	"github.com/leakguard/leakguard/sentryhook/internal/jsonscan"
)

// counter counts the bytes written to it.
type counter int64

func (n *counter) Write(b []byte) (int, error) {
	*n += counter(len(b))
	return len(b), nil
}

// part is a part of a payload that is rewritten.
type part struct {
	jsonscan.Span
	write func(w *bufio.Writer, p []byte)
}

// Write writes the payload p without what is left out. Everything outside the four
// parts is written as it is, and so are their elements, except for the indices. The
// parts may come in any order.
func (c *Compaction) Write(p []byte, to io.Writer) error {
	if c.Unchanged {
		_, err := to.Write(p)
		return err
	}
	w := bufio.NewWriterSize(to, 16<<10)
	parts := []part{
		{c.frames, c.writeFrames}, {c.stacks, c.writeStacks},
		{c.samples, c.writeSamples}, {c.threads, c.writeThreads},
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.Start, b.Start) })
	at := 0
	for _, part := range parts {
		if part.Len() == 0 {
			continue
		}
		w.Write(p[at:part.Start])
		part.write(w, p)
		at = part.End
	}
	w.Write(p[at:])
	return w.Flush() // a bufio.Writer keeps its first error
}

func (c *Compaction) writeFrames(w *bufio.Writer, p []byte) {
	i, sep := 0, byte('[')
	jsonscan.Elements(p, c.frames.Start, func(at int) int {
		next := jsonscan.SkipValue(p, at)
		if c.framesUsed.set.has(i) {
			w.WriteByte(sep)
			w.Write(p[at:next])
			sep = ','
		}
		i++
		return next
	})
	closeList(w, sep, '[', ']')
}

func (c *Compaction) writeStacks(w *bufio.Writer, p []byte) {
	i, sep := 0, byte('[')
	var digits [20]byte
	jsonscan.Elements(p, c.stacks.Start, func(at int) int {
		i++
		if !c.stacksUsed.set.has(i - 1) {
			return jsonscan.SkipValue(p, at)
		}
		w.WriteByte(sep)
		sep = ','
		inner := byte('[')
		next := jsonscan.Elements(p, at, func(at int) int {
			frame, next := jsonscan.Uint(p, at)
			w.WriteByte(inner)
			w.Write(strconv.AppendInt(digits[:0], int64(c.framesUsed.of(int(frame))), 10))
			inner = ','
			return next
		})
		closeList(w, inner, '[', ']')
		return next
	})
	closeList(w, sep, '[', ']')
}

func (c *Compaction) writeSamples(w *bufio.Writer, p []byte) {
	sep := byte('[')
	var digits [20]byte
	c.forEach(p, c.keep, func(_ int, s *sample) bool {
		w.WriteByte(sep)
		w.Write(p[s.at:s.stackAt])
		w.Write(strconv.AppendInt(digits[:0], int64(c.stacksUsed.of(s.stack)), 10))
		_, err := w.Write(p[s.stackEnd:s.end])
		sep = ','
		return err == nil
	})
	closeList(w, sep, '[', ']')
}

func (c *Compaction) writeThreads(w *bufio.Writer, p []byte) {
	sep := byte('{')
	jsonscan.Members(p, c.threads.Start, func(key []byte, at, v int) int {
		next := jsonscan.SkipValue(p, v)
		if c.keepsThread(key) {
			w.WriteByte(sep)
			w.Write(p[at:next])
			sep = ','
		}
		return next
	})
	closeList(w, sep, '{', '}')
}

// closeList ends a list. A list without elements has not been opened yet.
func closeList(w *bufio.Writer, sep, open, end byte) {
	if sep == open {
		w.WriteByte(open)
	}
	w.WriteByte(end)
}
