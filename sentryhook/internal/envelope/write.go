package envelope

import (
	"io"
	"strconv"
)

// changed reports whether the envelope will differ from the one that came.
func (e *envelope) changed() bool {
	for i := range e.items {
		it := &e.items[i]
		if it.gone || it.compaction != nil && !it.compaction.Unchanged {
			return true
		}
	}
	return len(e.note) > 0
}

// size is how many bytes the envelope will have; p is the one that came.
func (e *envelope) size(p []byte) int64 {
	if !e.changed() {
		return int64(len(p))
	}
	n := e.head.Len() + len(e.between(p)) + len(e.note)
	for i := range e.items {
		it := &e.items[i]
		if it.gone {
			continue
		}
		before, length, after := it.rewrittenHeader(p)
		n += len(before) + len(length) + len(after) + int(it.size()) + it.end - it.payload.End
	}
	return int64(n)
}

// write writes the envelope.
func (e *envelope) write(p []byte, w io.Writer) error {
	if !e.changed() {
		_, err := w.Write(p)
		return err
	}
	if _, err := w.Write(e.head.Of(p)); err != nil {
		return err
	}
	for i := range e.items {
		it := &e.items[i]
		if it.gone {
			continue
		}
		before, length, after := it.rewrittenHeader(p)
		w.Write(before) // the payload's write meets an error again
		w.Write(length)
		w.Write(after)
		var err error
		if it.compaction != nil {
			err = it.compaction.Write(it.payload.Of(p), w)
		} else {
			_, err = w.Write(it.payload.Of(p))
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(p[it.payload.End:it.end]); err != nil {
			return err
		}
	}
	w.Write(e.between(p))
	_, err := w.Write(e.note)
	return err
}

// rewrittenHeader returns an item's header with the length that its payload will have,
// in three pieces.
func (it *item) rewrittenHeader(p []byte) (before, length, after []byte) {
	if it.compaction == nil || it.compaction.Unchanged || it.length.Len() == 0 {
		return it.header.Of(p), nil, nil
	}
	return p[it.header.Start:it.length.Start], strconv.AppendInt(nil, it.size(), 10), p[it.length.End:it.header.End]
}

// between returns what comes between the last item and the end, or the note.
func (e *envelope) between(p []byte) []byte {
	if len(e.items) == 0 {
		return nil
	}
	last := &e.items[len(e.items)-1]
	switch {
	case len(e.note) == 0:
		return p[last.end:]
	case !last.gone && last.end == last.payload.End:
		return []byte("\n")
	}
	return nil
}
