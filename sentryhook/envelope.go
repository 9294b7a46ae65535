package sentryhook

import (
	"bytes"
	"io"
	"strconv"
)

// What an envelope may consist of; more is not understood, and passed on as it
// is. The SDKs send a handful of items with headers of 100 bytes.
const (
	mostItems       = 256
	mostHeaderBytes = 16 << 10
)

// envelope is where the items of an envelope lie, and what becomes of them.
// The format: https://develop.sentry.dev/sdk/data-model/envelopes/
type envelope struct {
	head  span // the envelope's own header, with its newline
	items []item
	note  []byte // an item that is added, complete; empty: none
}

// item is an item of an envelope.
type item struct {
	kind   string // its type, such as 'profile'
	length span   // where the header says the payload's length; empty: it does not
	name   string // of an attachment

	header  span // with its newline
	payload span
	end     int // behind the newline after the payload, if there is one

	gone       bool
	compaction *compaction // of a profile that was understood, else nil
}

func (it *item) profile() bool { return it.kind == "profile" || it.kind == "profile_chunk" }

// size is how many bytes the payload will have.
func (it *item) size() int64 {
	if it.compaction != nil {
		return int64(it.compaction.size)
	}
	return int64(it.payload.len())
}

// readEnvelope finds the items of an envelope. It reports false for anything
// that Relay would not take apart the same way.
func readEnvelope(p []byte) (e *envelope, ok bool) {
	e = &envelope{}
	head, ok := readLine(p, 0)
	if !ok || skipHeader(p, head) == bad {
		return nil, false
	}
	e.head = head
	for i := head.end; i < len(p); {
		// Relay takes empty lines at the end.
		if rest := p[i:]; len(rest) <= mostHeaderBytes && len(bytes.Trim(rest, "\n")) == 0 {
			break
		}
		it, ok := readItem(p, i)
		if !ok || len(e.items) == mostItems {
			return nil, false
		}
		e.items = append(e.items, it)
		i = it.end
	}
	return e, true
}

func readItem(p []byte, i int) (it item, ok bool) {
	if it.header, ok = readLine(p, i); !ok {
		return it, false
	}
	var length uint64
	h := p[:it.header.end]
	end := readMembers(h, skipSpace(h, i), func(key []byte, _, v int) (next int) {
		next = skipMember(h, key, v)
		if next == bad {
			return bad
		}
		switch string(key) {
		case "type":
			if it.kind != "" {
				return bad
			}
			it.kind, ok = plainString(h[v:next])
		case "filename":
			it.name, _ = plainString(h[v:next])
		case "length":
			if string(h[v:next]) == "null" {
				return next
			}
			if it.length.len() > 0 {
				return bad
			}
			var end int
			if length, end = readUint(h, v); end != next {
				return bad
			}
			it.length = span{v, next}
		}
		return next
	})
	if end == bad || skipSpace(h, end) != len(h) || it.kind == "" || !ok {
		return it, false
	}
	start := len(h)
	switch {
	case it.length.len() == 0:
		n := bytes.IndexByte(p[start:], '\n')
		if n < 0 {
			n = len(p) - start
		}
		it.payload = span{start, start + n}
	case length > uint64(len(p)-start):
		return it, false
	default:
		it.payload = span{start, start + int(length)}
	}
	it.end = it.payload.end
	if it.end < len(p) {
		if p[it.end] != '\n' {
			return it, false
		}
		it.end++
	}
	return it, true
}

// readLine returns the line at i with its newline, which the last may lack.
func readLine(p []byte, i int) (line span, ok bool) {
	most := min(len(p)-i, mostHeaderBytes)
	n := bytes.IndexByte(p[i:i+most], '\n')
	if n >= 0 {
		return span{i, i + n + 1}, true
	}
	return span{i, len(p)}, most < mostHeaderBytes && most > 0
}

func skipHeader(p []byte, line span) int {
	h := p[:line.end]
	end := readMembers(h, skipSpace(h, line.start), func(_ []byte, _, v int) int { return skipValue(h, v) })
	if end != bad && skipSpace(h, end) != len(h) {
		return bad
	}
	return end
}

// plainString returns a string's text when it is written without escapes.
func plainString(v []byte) (text string, ok bool) {
	if len(v) < 2 || v[0] != '"' || escaped(v) {
		return "", false
	}
	return string(v[1 : len(v)-1]), true
}

// changed reports whether the envelope will be written otherwise than it came.
func (e *envelope) changed() bool {
	for i := range e.items {
		it := &e.items[i]
		if it.gone || it.compaction != nil && !it.compaction.unchanged {
			return true
		}
	}
	return len(e.note) > 0
}

// size is how many bytes the envelope will have, p those it came with.
func (e *envelope) size(p []byte) int64 {
	if !e.changed() {
		return int64(len(p))
	}
	var n counter
	for i := range e.items {
		it := &e.items[i]
		if it.gone {
			continue
		}
		e.writeHeader(p, it, &n)
		n += counter(it.size()) + counter(it.end-it.payload.end)
	}
	return int64(n) + int64(e.head.len()+len(e.between(p))+len(e.note))
}

// write writes the envelope.
func (e *envelope) write(p []byte, w io.Writer) error {
	if !e.changed() {
		_, err := w.Write(p)
		return err
	}
	if _, err := w.Write(e.head.of(p)); err != nil {
		return err
	}
	for i := range e.items {
		it := &e.items[i]
		if it.gone {
			continue
		}
		e.writeHeader(p, it, w)
		var err error
		if it.compaction != nil {
			err = it.compaction.write(it.payload.of(p), w)
		} else {
			_, err = w.Write(it.payload.of(p))
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(p[it.payload.end:it.end]); err != nil {
			return err
		}
	}
	w.Write(e.between(p))
	_, err := w.Write(e.note)
	return err
}

// writeHeader writes an item's header with the length that its payload will
// have. It ignores errors: the payload's write meets them again.
func (e *envelope) writeHeader(p []byte, it *item, w io.Writer) {
	if it.compaction == nil || it.compaction.unchanged || it.length.len() == 0 {
		w.Write(it.header.of(p))
		return
	}
	var digits [20]byte
	w.Write(p[it.header.start:it.length.start])
	w.Write(strconv.AppendInt(digits[:0], it.size(), 10))
	w.Write(p[it.length.end:it.header.end])
}

// between is what stands between the last item and the end, or the note.
func (e *envelope) between(p []byte) []byte {
	if len(e.items) == 0 {
		return nil
	}
	last := &e.items[len(e.items)-1]
	switch {
	case len(e.note) == 0:
		return p[last.end:]
	case !last.gone && last.end == last.payload.end:
		return []byte("\n")
	}
	return nil
}
