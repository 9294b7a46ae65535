// Package storage encodes segments.
package storage

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
)

// open counts the writers that nobody has closed.
var open atomic.Int64

// binlogWriter collects events and encodes them.
type binlogWriter struct {
	base   *baseWriter
	events [][]byte
	closed bool
}

// baseWriter is what all writers have in common.
type baseWriter struct {
	owner *binlogWriter // for its Close
	buf   []byte
}

func newWriter() *binlogWriter {
	w := &binlogWriter{base: &baseWriter{buf: make([]byte, 0, 40<<10)}}
	w.base.owner = w
	open.Add(1)
	runtime.SetFinalizer(w, (*binlogWriter).close)
	return w
}

func (w *binlogWriter) append(event []byte) { w.events = append(w.events, event) }

func (w *binlogWriter) finish() []byte {
	for _, e := range w.events {
		w.base.buf = binary.AppendUvarint(w.base.buf, uint64(len(e)))
		w.base.buf = append(w.base.buf, e...)
	}
	w.events = nil
	return w.base.buf
}

func (w *binlogWriter) close() {
	if !w.closed {
		w.closed = true
		open.Add(-1)
	}
}

// Encode encodes a segment of rows of 256 bytes.
func Encode(rows []byte) []byte {
	w := newWriter()
	for len(rows) > 0 {
		n := min(256, len(rows))
		w.append(rows[:n])
		rows = rows[n:]
	}
	return append([]byte(nil), w.finish()...)
}
