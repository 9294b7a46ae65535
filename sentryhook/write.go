package sentryhook

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"
)

// counter counts the bytes written to it.
type counter int64

func (n *counter) Write(b []byte) (int, error) {
	*n += counter(len(b))
	return len(b), nil
}

// part is a part of a payload that is written anew.
type part struct {
	span
	write func(w *bufio.Writer, p []byte)
}

// write writes the payload with what stays of it. Everything but the four parts
// is written as it is, and so is each of their elements, except for the indices.
// The order of the parts does not matter.
func (c *compaction) write(p []byte, to io.Writer) error {
	if c.unchanged {
		_, err := to.Write(p)
		return err
	}
	w := bufio.NewWriterSize(to, 16<<10)
	parts := []part{
		{c.frames, c.writeFrames}, {c.stacks, c.writeStacks},
		{c.samples, c.writeSamples}, {c.threads, c.writeThreads},
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.start, b.start) })
	at := 0
	for _, part := range parts {
		if part.len() == 0 {
			continue
		}
		w.Write(p[at:part.start])
		part.write(w, p)
		at = part.end
	}
	w.Write(p[at:])
	return w.Flush() // a bufio.Writer keeps its first error
}

func (c *compaction) writeFrames(w *bufio.Writer, p []byte) {
	i, sep := 0, byte('[')
	readElements(p, c.frames.start, func(at int) int {
		next := skipValue(p, at)
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

func (c *compaction) writeStacks(w *bufio.Writer, p []byte) {
	i, sep := 0, byte('[')
	var digits [20]byte
	readElements(p, c.stacks.start, func(at int) int {
		i++
		if !c.stacksUsed.set.has(i - 1) {
			return skipValue(p, at)
		}
		w.WriteByte(sep)
		sep = ','
		inner := byte('[')
		next := readElements(p, at, func(at int) int {
			frame, next := readUint(p, at)
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

func (c *compaction) writeSamples(w *bufio.Writer, p []byte) {
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

func (c *compaction) writeThreads(w *bufio.Writer, p []byte) {
	sep := byte('{')
	readMembers(p, c.threads.start, func(key []byte, at, v int) int {
		next := skipValue(p, v)
		if c.keepsThread(key) {
			w.WriteByte(sep)
			w.Write(p[at:next])
			sep = ','
		}
		return next
	})
	closeList(w, sep, '{', '}')
}

// closeList ends a list; one without elements has not been opened yet.
func closeList(w *bufio.Writer, sep, open, end byte) {
	if sep == open {
		w.WriteByte(open)
	}
	w.WriteByte(end)
}
